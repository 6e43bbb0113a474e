"""The workflow files and the Dockerfile: they parse, hang together, and their steps run."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from numba.core.caching import UserProvidedCacheLocator

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples/ci"
TEMPLATE = EXAMPLES / "template"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PACKAGES = ("market", "models")
"""Where kernels are."""
PLAY = "pytest scenarios/ --peerwatt-out reports --junitxml junit.xml"


@pytest.fixture(scope="module")
def github():
    told = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text("utf-8"))
    assert {"push", "pull_request"} == set(told.pop(True))  # YAML 1.1 reads the key `on` so
    return told["jobs"]["play"]


@pytest.fixture(scope="module")
def gitlab():
    return yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text("utf-8"))["scenarios"]


@pytest.fixture
def checkout(tmp_path):
    """What a pipeline has checked out: the template, with Peerwatt's constraints."""
    folder = tmp_path / "checkout"
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "constraints.txt", folder)
    return folder


def environment(**more):
    """An activated environment that holds all requirements already, without a way to an index."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PIP_NO_INDEX": "1", "PYTEST_ADDOPTS": "", **more}


def shell(script, folder, **more):
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )


def restore(kernels):
    """Put the kernels that this clone has compiled where a pipeline's cache would have them."""
    sources = [file for package in PACKAGES for file in (ROOT / package).rglob("_kernels*.py")]
    for folder in {file.parent for file in sources}:
        into = kernels / UserProvidedCacheLocator.get_suitable_cache_subpath(str(folder / "any.py"))
        compiled = folder / "__pycache__"
        shutil.copytree(compiled, into, ignore=lambda _, names: _not_compiled(names))


def _not_compiled(names):
    return [name for name in names if not name.endswith((".nbi", ".nbc"))]


def kernels_in(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.nbc")}


def make_red(checkout):
    file = checkout / "scenarios/street.yaml"
    file.write_text(file.read_text("utf-8").replace("limit_kw: 13", "limit_kw: 1"), "utf-8")


# GitHub Actions ---------------------------------------------------------------------------------


def test_every_step_of_the_workflow_is_an_action_of_a_version_or_a_script(github):
    for step in github["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(r"actions/[\w/-]+@v\d+", step.get("uses", "actions/none@v1"))


def test_every_expression_of_the_workflow_refers_to_a_step_that_gives_it(github):
    given = {step["id"] for step in github["steps"] if "id" in step}
    text = (EXAMPLES / "github-actions.yml").read_text("utf-8")
    assert set(re.findall(r"steps\.(\w+)\.outputs", text)) == given


def test_what_is_cached_and_published_is_what_the_steps_make(github):
    steps = {step.get("name", step.get("uses")): step for step in github["steps"]}
    restored, kept = steps["Restore compiled kernels"], steps["Keep compiled kernels"]
    assert github["env"]["NUMBA_CACHE_DIR"].endswith("/" + restored["with"]["path"])
    assert restored["with"] == kept["with"]
    published = steps["Publish verdicts and reports"]
    assert published["with"]["path"].split() == ["junit.xml", "reports/"]
    assert published["if"] == "always()"
    assert kept["if"].startswith("always()")
    order = list(steps)
    assert order.index("Install") < order.index("Name the cache of compiled kernels")


@pytest.mark.soak
def test_the_steps_of_the_workflow_run_in_the_template_and_are_green(github, checkout, tmp_path):
    outputs = tmp_path / "outputs"
    restore(checkout / ".numba")
    env = {
        "GITHUB_OUTPUT": str(outputs),
        "NUMBA_CACHE_DIR": github["env"]["NUMBA_CACHE_DIR"].replace(
            "${{ github.workspace }}", str(checkout)
        ),
    }
    for step in github["steps"]:
        if "run" in step:
            done = shell(step["run"], checkout, **env)
            assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout
    assert re.fullmatch(r"name=[\w.-]+-[0-9a-f]{16}\n", outputs.read_text())
    assert len(list((checkout / "reports").glob("street-*/report.html"))) == 1
    assert len(ElementTree.parse(checkout / "junit.xml").findall(".//testcase")) == 10


# GitLab -----------------------------------------------------------------------------------------


def test_the_job_keeps_what_its_steps_make_green_or_red(gitlab):
    assert gitlab["artifacts"]["when"] == gitlab["cache"]["when"] == "always"
    assert set(gitlab["artifacts"]["paths"]) == {"junit.xml", "reports/"}
    assert gitlab["artifacts"]["reports"]["junit"] == "junit.xml"
    assert ".numba/" in gitlab["cache"]["paths"]
    assert gitlab["script"] == [PLAY]
    for name in gitlab["cache"]["key"]["files"]:
        assert name == "constraints.txt" or (TEMPLATE / name).exists()


def test_the_job_prepares_a_folder_of_kernels_by_cpu_and_lets_old_ones_go(gitlab, checkout):
    old, young = checkout / ".numba/old-cpu", checkout / ".numba/young-cpu"
    for folder, age in ((old, 31), (young, 29)):
        folder.mkdir(parents=True)
        (folder / "kernel.nbc").touch()
        assert shell(f"touch -d '{age} days ago 1 hour ago' {folder}", checkout).returncode == 0
    script = "\n".join([*gitlab["before_script"], 'echo "$NUMBA_CACHE_DIR"'])
    done = shell(script, checkout, CI_PROJECT_DIR=str(checkout))
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.splitlines()[-1])
    assert made.parent == checkout / ".numba"
    assert made.is_dir()
    assert young.exists()
    assert not old.exists()


@pytest.mark.soak
def test_a_red_job_fails_says_why_and_the_next_one_compiles_nothing(gitlab, checkout):
    make_red(checkout)
    script = "\n".join([*gitlab["before_script"], *gitlab["script"]])
    first = shell(script, checkout, CI_PROJECT_DIR=str(checkout))
    assert first.returncode == 1, first.stderr
    assert "import_below: 12.4 kW at 12:07:00 (bound 1 kW)" in first.stdout
    assert len(ElementTree.parse(checkout / "junit.xml").findall(".//failure")) == 1
    compiled = kernels_in(checkout / ".numba")
    assert compiled
    second = shell(script, checkout, CI_PROJECT_DIR=str(checkout))
    assert second.returncode == 1, second.stderr
    assert kernels_in(checkout / ".numba") == compiled
    print("pytest:", [done.stdout.splitlines()[-1] for done in (first, second)])


def test_both_workflows_do_the_same(github, gitlab):
    scripts = [step["run"] for step in github["steps"] if "run" in step]
    assert PLAY in scripts
    assert scripts[0] == gitlab["before_script"][0]
    assert "--constraint constraints.txt" in scripts[0]


# Naming the cache -------------------------------------------------------------------------------


def name_of_cache(**more):
    done = subprocess.run(
        [sys.executable, TEMPLATE / "ci/kernels.py"],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def append(file, line):
    file.write_text(file.read_text("utf-8") + line, "utf-8")


def test_the_caches_name_changes_with_the_cpu_and_with_any_kernel_and_with_nothing_else(tmp_path):
    here = name_of_cache()
    assert name_of_cache(NUMBA_CPU_NAME="skylake").startswith("skylake-")
    for package in PACKAGES:
        pattern = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=pattern)
    assert name_of_cache(PYTHONPATH=str(tmp_path)) == here
    append(tmp_path / "market/__init__.py", "# No kernel is in here.\n")
    assert name_of_cache(PYTHONPATH=str(tmp_path)) == here
    append(tmp_path / "models/grid/_kernels.py", "# Another source.\n")
    assert name_of_cache(PYTHONPATH=str(tmp_path)) != here


def test_every_compiled_source_is_called_so_that_the_name_sees_it():
    for package in ("cosim", "scenarios", "hil", "market", "models", "results"):
        for file in (ROOT / package).rglob("*.py"):
            if re.search(r"^\s*@(?:nb\.|numba\.)?n?jit\b", file.read_text("utf-8"), re.MULTILINE):
                assert file.name.startswith("_kernels"), file
                assert file.relative_to(ROOT).parts[0] in PACKAGES, file


# The image --------------------------------------------------------------------------------------


def instructions():
    """The Dockerfile as (instruction, arguments), continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]


def runs():
    return [arguments for instruction, arguments in instructions() if instruction == "RUN"]


def image_environment():
    """Variables that the image sets."""
    return dict(
        word.split("=", 1)
        for instruction, arguments in instructions()
        if instruction == "ENV"
        for word in arguments.split()
    )


def test_the_image_is_made_of_known_instructions_on_the_plain_base():
    known = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"}
    assert {instruction for instruction, _ in instructions()} == known
    assert instructions()[0] == ("FROM", "python:3.11-slim")


def test_the_image_runs_peerwatt_and_not_as_root():
    found = instructions()
    assert json.loads(dict(found)["ENTRYPOINT"]) == ["peerwatt"]
    users = [arguments for instruction, arguments in found if instruction == "USER"]
    assert users == ["peerwatt"]
    assert found.index(("USER", "peerwatt")) < found.index(("ENTRYPOINT", '["peerwatt"]'))
    assert any("useradd" in run and "peerwatt" in run for run in runs())


@pytest.mark.parametrize("run", runs())
def test_every_step_of_the_image_is_sound_shell_and_uses_what_is_set(run):
    checked = subprocess.run(["sh", "-n", "-c", run], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    used = set(re.findall(r"\$\{?(\w+)", run))
    assert used <= set(image_environment())
    for file in re.findall(r"scenarios/\w+\.yaml", run):
        assert (ROOT / file).exists(), file


def test_the_image_gets_all_that_the_package_is_made_of_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = [project["project"]["readme"], *project["project"]["license-files"]]
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    assert sorted(let_in) == sorted([*wheel, *files, "pyproject.toml", "constraints.txt"])
    assert "*" in rules
    assert rules.index("results/runs") > rules.index("!results")


@pytest.mark.soak
def test_what_the_image_compiles_lets_another_user_run_at_once(tmp_path):
    (step,) = [run for run in runs() if run.startswith("peerwatt run")]
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    env = image_environment() | {"NUMBA_CACHE_DIR": str(kernels)}
    done = shell(step.replace("/tmp/runs", str(tmp_path / "runs")), ROOT, **env)
    assert done.returncode == 0, done.stderr
    compiled = kernels_in(kernels)
    assert compiled
    assert all(file.stat().st_mode & 0o066 == 0o066 for file in compiled)
    again = shell(
        f"peerwatt run {TEMPLATE}/scenarios/street.yaml --quiet --no-report --out again",
        tmp_path,
        **env,
    )
    assert again.returncode == 0, again.stderr
    assert kernels_in(kernels) == compiled


def test_no_file_of_these_names_a_registry():
    shown = [*EXAMPLES.rglob("*.*"), ROOT / "Dockerfile", ROOT / "docs/ci.md"]
    for file in shown:
        if "__pycache__" not in file.parts:
            text = file.read_text("utf-8")
            assert not re.search(r"https?://|\bpypi\b|\.io/|index-url", text), file
