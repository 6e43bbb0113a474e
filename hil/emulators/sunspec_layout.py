"""Layouts of SunSpec models: which points, in which order, of which type.

A point is spelt ``<name>[!]:<type>[:<scale factor>]``, ``!`` for one that can be written. After
the model definitions that the SunSpec Alliance publishes (Apache-2.0); ``{n}`` stands for the
number of a curve or control, ``{m}`` for that of a point of it.
"""

HEADS: dict[int, str] = {
    1: """
        Mn:string16 Md:string16 Opt:string8 Vr:string8 SN:string16 DA!:uint16 Pad:pad
    """,
    701: """
        ACType:enum16 St:enum16 InvSt:enum16 ConnSt:enum16 Alrm:bitfield32 DERMode:bitfield32
        W:int16:W_SF VA:int16:VA_SF Var:int16:Var_SF PF:int16:PF_SF A:int16:A_SF
        LLV:uint16:V_SF LNV:uint16:V_SF Hz:uint32:Hz_SF TotWhInj:uint64:TotWh_SF
        TotWhAbs:uint64:TotWh_SF TotVarhInj:uint64:TotVarh_SF TotVarhAbs:uint64:TotVarh_SF
        TmpAmb:int16:Tmp_SF TmpCab:int16:Tmp_SF TmpSnk:int16:Tmp_SF TmpTrns:int16:Tmp_SF
        TmpSw:int16:Tmp_SF TmpOt:int16:Tmp_SF WL1:int16:W_SF VAL1:int16:VA_SF
        VarL1:int16:Var_SF PFL1:int16:PF_SF AL1:int16:A_SF VL1L2:uint16:V_SF VL1:uint16:V_SF
        TotWhInjL1:uint64:TotWh_SF TotWhAbsL1:uint64:TotWh_SF TotVarhInjL1:uint64:TotVarh_SF
        TotVarhAbsL1:uint64:TotVarh_SF WL2:int16:W_SF VAL2:int16:VA_SF VarL2:int16:Var_SF
        PFL2:int16:PF_SF AL2:int16:A_SF VL2L3:uint16:V_SF VL2:uint16:V_SF
        TotWhInjL2:uint64:TotWh_SF TotWhAbsL2:uint64:TotWh_SF TotVarhInjL2:uint64:TotVarh_SF
        TotVarhAbsL2:uint64:TotVarh_SF WL3:int16:W_SF VAL3:int16:VA_SF VarL3:int16:Var_SF
        PFL3:int16:PF_SF AL3:int16:A_SF VL3L1:uint16:V_SF VL3:uint16:V_SF
        TotWhInjL3:uint64:TotWh_SF TotWhAbsL3:uint64:TotWh_SF TotVarhInjL3:uint64:TotVarh_SF
        TotVarhAbsL3:uint64:TotVarh_SF ThrotPct:uint16 ThrotSrc:bitfield32 A_SF:sunssf
        V_SF:sunssf Hz_SF:sunssf W_SF:sunssf PF_SF:sunssf VA_SF:sunssf Var_SF:sunssf
        TotWh_SF:sunssf TotVarh_SF:sunssf Tmp_SF:sunssf MnAlrmInfo:string32
    """,
    702: """
        WMaxRtg:uint16:W_SF WOvrExtRtg:uint16:W_SF WOvrExtRtgPF:uint16:PF_SF
        WUndExtRtg:uint16:W_SF WUndExtRtgPF:uint16:PF_SF VAMaxRtg:uint16:VA_SF
        VarMaxInjRtg:uint16:Var_SF VarMaxAbsRtg:uint16:Var_SF WChaRteMaxRtg:uint16:W_SF
        WDisChaRteMaxRtg:uint16:W_SF VAChaRteMaxRtg:uint16:VA_SF VADisChaRteMaxRtg:uint16:VA_SF
        VNomRtg:uint16:V_SF VMaxRtg:uint16:V_SF VMinRtg:uint16:V_SF AMaxRtg:uint16:A_SF
        PFOvrExtRtg:uint16:PF_SF PFUndExtRtg:uint16:PF_SF ReactSusceptRtg:uint16:S_SF
        NorOpCatRtg:enum16 AbnOpCatRtg:enum16 CtrlModes:bitfield32 IntIslandCatRtg:bitfield16
        WMax!:uint16:W_SF WMaxOvrExt!:uint16:W_SF WOvrExtPF!:uint16:PF_SF
        WMaxUndExt!:uint16:W_SF WUndExtPF!:uint16:PF_SF VAMax!:uint16:VA_SF
        VarMaxInj!:uint16:Var_SF VarMaxAbs!:uint16:Var_SF WChaRteMax!:uint16:W_SF
        WDisChaRteMax!:uint16:W_SF VAChaRteMax!:uint16:VA_SF VADisChaRteMax!:uint16:VA_SF
        VNom!:uint16:V_SF VMax!:uint16:V_SF VMin!:uint16:V_SF AMax!:uint16:A_SF
        PFOvrExt!:uint16:PF_SF PFUndExt!:uint16:PF_SF IntIslandCat!:bitfield16 W_SF:sunssf
        PF_SF:sunssf VA_SF:sunssf Var_SF:sunssf V_SF:sunssf A_SF:sunssf S_SF:sunssf
    """,
    703: """
        ES!:enum16 ESVHi!:uint16:V_SF ESVLo!:uint16:V_SF ESHzHi!:uint32:Hz_SF
        ESHzLo!:uint32:Hz_SF ESDlyTms!:uint32 ESRndTms!:uint32 ESRmpTms!:uint32
        ESDlyRemTms:uint32 V_SF:sunssf Hz_SF:sunssf
    """,
    704: """
        PFWInjEna!:enum16 PFWInjEnaRvrt!:enum16 PFWInjRvrtTms!:uint32 PFWInjRvrtRem:uint32
        PFWAbsEna!:enum16 PFWAbsEnaRvrt!:enum16 PFWAbsRvrtTms!:uint32 PFWAbsRvrtRem:uint32
        WMaxLimPctEna!:enum16 WMaxLimPct!:uint16:WMaxLimPct_SF
        WMaxLimPctRvrt!:uint16:WMaxLimPct_SF WMaxLimPctEnaRvrt!:enum16
        WMaxLimPctRvrtTms!:uint32 WMaxLimPctRvrtRem:uint32 WSetEna!:enum16 WSetMod!:enum16
        WSet!:int32:WSet_SF WSetRvrt!:int32:WSet_SF WSetPct!:int16:WSetPct_SF
        WSetPctRvrt!:int16:WSetPct_SF WSetEnaRvrt!:enum16 WSetRvrtTms!:uint32
        WSetRvrtRem:uint32 VarSetEna!:enum16 VarSetMod!:enum16 VarSetPri!:enum16
        VarSet!:int32:VarSet_SF VarSetRvrt!:int32:VarSet_SF VarSetPct!:int16:VarSetPct_SF
        VarSetPctRvrt!:int16:VarSetPct_SF VarSetEnaRvrt!:enum16 VarSetRvrtTms!:uint32
        VarSetRvrtRem:uint32 WRmp!:uint16 WRmpRef!:enum16 VarRmp!:uint16 AntiIslEna!:enum16
        PF_SF:sunssf WMaxLimPct_SF:sunssf WSet_SF:sunssf WSetPct_SF:sunssf VarSet_SF:sunssf
        VarSetPct_SF:sunssf PFWInj.PF!:uint16:PF_SF PFWInj.Ext!:enum16
        PFWInjRvrt.PF!:uint16:PF_SF PFWInjRvrt.Ext!:enum16 PFWAbs.PF!:uint16:PF_SF
        PFWAbs.Ext!:enum16 PFWAbsRvrt.PF!:uint16:PF_SF PFWAbsRvrt.Ext!:enum16
    """,
    705: """
        Ena!:enum16 AdptCrvReq!:uint16 AdptCrvRslt:enum16 NPt:uint16 NCrv:uint16
        RvrtTms!:uint32 RvrtRem:uint32 RvrtCrv!:uint16 V_SF:sunssf DeptRef_SF:sunssf
        RspTms_SF:sunssf
    """,
    706: """
        Ena!:enum16 AdptCrvReq!:uint16 AdptCrvRslt:enum16 NPt:uint16 NCrv:uint16
        RvrtTms!:uint32 RvrtRem:uint32 RvrtCrv!:uint16 V_SF:sunssf DeptRef_SF:sunssf
        RspTms_SF:sunssf
    """,
    711: """
        Ena!:enum16 AdptCtlReq!:uint16 AdptCtlRslt:enum16 NCtl:uint16 RvrtTms!:uint32
        RvrtRem:uint32 RvrtCtl!:uint16 Db_SF:sunssf K_SF:sunssf RspTms_SF:sunssf
    """,
    715: """
        LocRemCtl:enum16 DERHb:uint32 ControllerHb!:uint32 AlarmReset!:uint16 OpCtl!:enum16
    """,
}
"""Points of each model after its number and length."""

GROUPS: dict[int, tuple[str, str]] = {
    705: (
        """
        Crv{n}.ActPt!:uint16 Crv{n}.DeptRef!:enum16 Crv{n}.Pri!:enum16
        Crv{n}.VRef!:uint16:V_SF Crv{n}.VRefAuto:uint16:V_SF Crv{n}.VRefAutoEna!:enum16
        Crv{n}.VRefAutoTms!:uint16 Crv{n}.RspTms!:uint32:RspTms_SF Crv{n}.ReadOnly:enum16
        """,
        "Crv{n}.Pt{m}.V!:uint16:V_SF Crv{n}.Pt{m}.Var!:int16:DeptRef_SF",
    ),
    706: (
        """
        Crv{n}.ActPt!:uint16 Crv{n}.DeptRef!:enum16 Crv{n}.RspTms!:uint32:RspTms_SF
        Crv{n}.ReadOnly:enum16
        """,
        "Crv{n}.Pt{m}.V!:uint16:V_SF Crv{n}.Pt{m}.W!:int16:DeptRef_SF",
    ),
    711: (
        """
        Ctl{n}.DbOf!:uint32:Db_SF Ctl{n}.DbUf!:uint32:Db_SF Ctl{n}.KOf!:uint16:K_SF
        Ctl{n}.KUf!:uint16:K_SF Ctl{n}.RspTms!:uint32:RspTms_SF Ctl{n}.PMin!:int16
        Ctl{n}.ReadOnly:enum16
        """,
        "",
    ),
}
"""Points of each curve or control, and of each of its corners."""
