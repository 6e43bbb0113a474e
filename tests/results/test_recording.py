"""The recorder: what goes in comes out, whatever the wall clock and whoever is killed."""

import itertools
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from results._segments import segment_path, stream_path
from results.recording import Chunk, TickRecorder, read_stream, read_ticks

LISTS = {"vm_pu": 3, "p_kw": 2}


def recorder(folder: Path, **options: object) -> TickRecorder:
    folder.mkdir(exist_ok=True)
    return TickRecorder(
        folder,
        scalars=["f_hz", "losses_kw"],
        lists=LISTS,
        metadata={"peers": '["mill", "lpd"]'},
        **options,  # type: ignore[arg-type]
    )


def play(record: TickRecorder, ticks: range) -> None:
    for tick in ticks:
        lists = {"vm_pu": np.full(3, 1 + tick / 1024), "p_kw": np.array([tick, -tick], float)}
        record.write(tick, [50 + tick / 1000, tick / 7], lists)


def test_what_goes_in_comes_out_in_order_and_precision(tmp_path):
    with recorder(tmp_path / "run", chunk_ticks=8) as record:
        play(record, range(21))

    table = read_ticks(tmp_path / "run")

    assert table["tick"].to_pylist() == list(range(21))
    assert table["losses_kw"].to_pylist() == [tick / 7 for tick in range(21)]  # float64 whole
    assert table["vm_pu"].to_pylist() == [[1 + tick / 1024] * 3 for tick in range(21)]
    assert table["p_kw"].type == pa.list_(pa.field("item", pa.float32(), nullable=False), 2)
    assert table.schema.metadata == {b"peers": b'["mill", "lpd"]'}


def test_bytes_do_not_depend_on_the_wall_clock(tmp_path):
    clocks = [lambda: 0.0, itertools.count().__next__, itertools.count(step=0.3).__next__]
    written = []
    for i, clock in enumerate(clocks):
        folder = tmp_path / str(i)
        with recorder(folder, chunk_ticks=8, segment_ticks=16, clock=clock) as record:
            play(record, range(45))
        written.append((folder / "ticks.parquet").read_bytes())
        assert sorted(path.name for path in folder.iterdir()) == ["ticks.parquet"]

    assert written[0] == written[1] == written[2]


def test_row_groups_follow_the_chunks_also_across_segments(tmp_path):
    with recorder(tmp_path / "run", chunk_ticks=8, segment_ticks=16) as record:
        play(record, range(45))

    metadata = pq.read_metadata(tmp_path / "run" / "ticks.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [8] * 5 + [5]


def test_a_value_nobody_wrote_is_nan_and_not_the_value_of_an_earlier_chunk(tmp_path):
    with recorder(tmp_path / "run", chunk_ticks=2) as record:
        play(record, range(20))
        record.row(20).scalars[0] = 50.0
        record.commit()

    last = read_ticks(tmp_path / "run").slice(20)
    assert last["f_hz"].to_pylist() == [50.0]
    assert np.isnan(last["losses_kw"].to_numpy()).all()
    assert np.isnan(last["p_kw"].combine_chunks().flatten().to_numpy()).all()


def test_checkers_see_every_row_once_in_full_precision(tmp_path):
    seen: list[tuple[int, float, float]] = []

    def look(chunk: Chunk) -> None:
        losses, power = chunk.scalars["losses_kw"], chunk.lists["p_kw"]
        seen.extend(zip(chunk.tick.tolist(), losses.tolist(), power[:, 1].tolist(), strict=True))

    with recorder(tmp_path / "run", chunk_ticks=8, clock=itertools.count(0, 0.2).__next__) as rec:
        rec.check_with(look)
        play(rec, range(21))

    assert seen == [(tick, tick / 7, -float(tick)) for tick in range(21)]


def test_rows_that_a_checker_refuses_are_recorded_all_the_same(tmp_path):
    def refuse(chunk: Chunk) -> None:
        if 11 in chunk.tick:
            raise ArithmeticError("tick 11")

    def run() -> None:
        with recorder(tmp_path / "run", chunk_ticks=8) as record:
            record.check_with(refuse)
            play(record, range(21))

    with pytest.raises(ArithmeticError, match="tick 11"):
        run()

    assert read_ticks(tmp_path / "run")["tick"].to_pylist() == list(range(16))


def test_a_run_without_ticks_leaves_an_empty_table_with_its_schema(tmp_path):
    recorder(tmp_path / "run").close()

    table = read_ticks(tmp_path / "run")

    assert table.num_rows == 0
    assert table.column_names == ["tick", "f_hz", "losses_kw", "vm_pu", "p_kw"]


def test_a_folder_without_a_record_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recorded tick"):
        read_ticks(tmp_path)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from results.recording import TickRecorder
record = TickRecorder(Path(sys.argv[1]), scalars=["f_hz"], lists={"p_kw": 50}, metadata={},
                      chunk_ticks=100, segment_ticks=1000, flush_s=0.02)
for tick in range(10**9):
    record.write(tick, [tick], {"p_kw": np.full(50, tick)})
    if tick % 10 == 0:
        print(tick, flush=True)
"""


def test_kill_nine_at_any_moment_leaves_a_gapless_record(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = next(int(line) for line in writer.stdout if int(line) >= 4570)
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    table = read_ticks(folder)

    # Of 4570 ticks, what the thread still had in its hands is at most its three chunks.
    ticks = table["tick"].to_numpy()
    assert said - 300 <= ticks[-1]
    assert ticks.tolist() == list(range(len(ticks)))
    assert table["p_kw"].combine_chunks().flatten().to_numpy()[49::50].tolist() == ticks.tolist()
    assert segment_path(folder, 0).exists()


def test_a_stream_cut_anywhere_loses_the_last_batch_only(tmp_path):
    stream_path(tmp_path, 0).parent.mkdir()
    table = pa.table({"tick": np.arange(40)})
    with (
        pa.OSFile(str(stream_path(tmp_path, 0)), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as stream,
    ):
        stream.write_table(table, max_chunksize=10)
    whole = stream_path(tmp_path, 0).read_bytes()

    kept = []
    for length in range(len(whole) + 1):
        stream_path(tmp_path, 0).write_bytes(whole[:length])
        kept.append(sum(table.num_rows for table in read_stream(stream_path(tmp_path, 0))))

    assert sorted(set(kept)) == [0, 10, 20, 30, 40]
    assert kept == sorted(kept)
