"""The three long messages: an order as a client places it, as an open one and as a completed one.

Field names are those of the vendor's API, so that what was placed can be told again from one mapping.
"""

from __future__ import annotations

from ibgw_tui.twsim.layout import UNSET, ByKind, Layout, Rows, Values, When, fields

CONTRACT_12 = fields(
    "conId=0 symbol secType lastTradeDateOrContractMonth strike=0 right multiplier exchange primaryExchange currency "
    "localSymbol tradingClass"
)
"""A contract in a request."""
CONTRACT_11 = tuple(item for item in CONTRACT_12 if item.name != "primaryExchange")
"""A contract in an answer."""


def _is_bag(values: Values) -> bool:
    return values.get("secType") == "BAG"


def _is_delta_neutral(values: Values) -> bool:
    return bool(values.get("deltaNeutralOrderType"))


def _is_scaled(values: Values) -> bool:
    increment = values.get("scalePriceIncrement") or ""
    return increment not in UNSET and not increment.startswith("-") and increment.strip("0.") != ""


def _is_hedged(values: Values) -> bool:
    return bool(values.get("hedgeType"))


def _is_algo(values: Values) -> bool:
    return bool(values.get("algoStrategy"))


def _is_pegged_to_benchmark(values: Values) -> bool:
    return values.get("orderType") in {"PEG BENCH", "PEGBENCH"}


def _has_neutral_contract(values: Values) -> bool:
    return values.get("deltaNeutralContract") in {"1", True}


def _goes_to_ats(values: Values) -> bool:
    return values.get("exchange") == "IBKRATS"


def _is_pegged_to_best(values: Values) -> bool:
    return values.get("orderType") in {"PEG BEST", "PEGBEST"}


def _has_mid_offsets(values: Values) -> bool:
    to_mid = values.get("orderType") in {"PEG MID", "PEGMID"}
    # Up to the middle: both clients write an infinite offset, each in its own words.
    return to_mid or (
        _is_pegged_to_best(values) and str(values.get("competeAgainstBestOffset", ""))[:3].lower() == "inf"
    )


TAG_VALUES = fields("tag value")
LEG_8 = fields("conId ratio action exchange openClose shortSaleSlot designatedLocation exemptCode")
LEG_4 = fields("conId ratio action exchange")
BENCHMARK = fields(
    "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount referenceExchangeId"
)
SCALE = fields(
    "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset scaleInitPosition "
    "scaleInitFillQty scaleRandomPercent"
)
NEUTRAL_8 = fields(
    "deltaNeutralConId=0 deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent "
    "deltaNeutralOpenClose deltaNeutralShortSale=0 deltaNeutralShortSaleSlot=0 deltaNeutralDesignatedLocation"
)
NEUTRAL_4 = fields(
    "deltaNeutralConId=0 deltaNeutralShortSale=0 deltaNeutralShortSaleSlot=0 deltaNeutralDesignatedLocation"
)
NEUTRAL_CONTRACT: Layout = (
    *fields("deltaNeutralContract=0"),
    When(_has_neutral_contract, fields("neutralConId neutralDelta neutralPrice")),
)
"""Whether the contract has a delta-neutral one, and that one."""

CONDITIONS = Rows(
    "conditions",
    (
        *fields("type"),
        ByKind(
            "type",
            {
                "1": fields("conjunction isMore price conId exchange triggerMethod"),
                "3": fields("conjunction isMore time"),
                "4": fields("conjunction isMore percent"),
                "5": fields("conjunction secType exchange symbol"),
                "6": fields("conjunction isMore volume conId exchange"),
                "7": fields("conjunction isMore changePercent conId exchange"),
            },
        ),
    ),
    tail=fields("conditionsIgnoreRth conditionsCancelOrder"),
)

_COMBO: Layout = (
    Rows("comboLegs", LEG_8),
    Rows("orderComboLegs", fields("price")),
    Rows("smartComboRoutingParams", TAG_VALUES),
)
_SCALED: Layout = (*fields("scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement"), When(_is_scaled, SCALE))
_HEDGE: Layout = (*fields("hedgeType"), When(_is_hedged, fields("hedgeParam")))
_ALGO: Layout = (*fields("algoStrategy"), When(_is_algo, (Rows("algoParams", TAG_VALUES),)))
_BENCHMARK = When(_is_pegged_to_benchmark, BENCHMARK)
_PEGS = fields(
    "minTradeQty>=170 minCompeteSize>=170 competeAgainstBestOffset>=170 midOffsetAtWhole>=170 midOffsetAtHalf>=170"
)

PLACE_ORDER: Layout = (
    *fields("orderId"),
    *CONTRACT_12,
    *fields(
        "secIdType secId action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin=0 "
        "orderRef transmit=1 parentId=0 blockOrder=0 sweepToFill=0 displaySize=0 triggerMethod=0 outsideRth=0 hidden=0"
    ),
    When(_is_bag, _COMBO),
    *fields(
        "sharesAllocation discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage faProfile<177 "
        "modelCode shortSaleSlot=0 designatedLocation exemptCode=-1 ocaType=0 rule80A settlingFirm allOrNone=0 minQty "
        "percentOffset eTradeOnly=0 firmQuoteOnly=0 nbboPriceCap auctionStrategy=0 startingPrice stockRefPrice delta "
        "stockRangeLower stockRangeUpper overridePercentageConstraints=0 volatility volatilityType "
        "deltaNeutralOrderType deltaNeutralAuxPrice"
    ),
    When(_is_delta_neutral, NEUTRAL_8),
    *fields("continuousUpdate=0 referencePriceType trailStopPrice trailingPercent"),
    *_SCALED,
    *fields("scaleTable activeStartTime activeStopTime"),
    *_HEDGE,
    *fields("optOutSmartRouting=0 clearingAccount clearingIntent notHeld=0"),
    *NEUTRAL_CONTRACT,
    *_ALGO,
    *fields("algoId whatIf=0 orderMiscOptions solicited=0 randomizeSize=0 randomizePrice=0"),
    _BENCHMARK,
    CONDITIONS,
    *fields(
        "adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount "
        "adjustableTrailingUnit=0 extOperator softDollarTierName softDollarTierVal cashQty mifid2DecisionMaker "
        "mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge=0 isOmsContainer=0 "
        "discretionaryUpToLimitPrice=0 usePriceMgmtAlgo duration>=158 postToAts>=160 autoCancelParent>=162 "
        "advancedErrorOverride>=166 manualOrderTime>=169"
    ),
    When(_goes_to_ats, fields("minTradeQty"), since=170),
    When(_is_pegged_to_best, fields("minCompeteSize competeAgainstBestOffset"), since=170),
    When(_has_mid_offsets, fields("midOffsetAtWhole midOffsetAtHalf"), since=170),
)

OPEN_ORDER: Layout = (
    *fields("orderId=0"),
    *CONTRACT_11,
    *fields(
        "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin=0 orderRef clientId=0 "
        "permId=0 outsideRth=0 hidden=0 discretionaryAmt goodAfterTime sharesAllocation faGroup faMethod faPercentage "
        "faProfile<177 modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot=0 designatedLocation "
        "exemptCode=-1 auctionStrategy=0 startingPrice stockRefPrice delta stockRangeLower stockRangeUpper "
        "displaySize=0 blockOrder=0 sweepToFill=0 allOrNone=0 minQty ocaType=0 eTradeOnly=0 firmQuoteOnly=0 "
        "nbboPriceCap parentId=0 triggerMethod=0 volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"
    ),
    When(_is_delta_neutral, NEUTRAL_8),
    *fields(
        "continuousUpdate=0 referencePriceType trailStopPrice trailingPercent basisPoints basisPointsType comboLegsDescrip"
    ),
    *_COMBO,
    *_SCALED,
    *_HEDGE,
    *fields("optOutSmartRouting=0 clearingAccount clearingIntent notHeld=0"),
    *NEUTRAL_CONTRACT,
    *_ALGO,
    *fields(
        "solicited=0 whatIf=0 status initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange "
        "maintMarginChange equityWithLoanChange initMarginAfter maintMarginAfter equityWithLoanAfter commission "
        "minCommission maxCommission commissionCurrency warningText randomizeSize=0 randomizePrice=0"
    ),
    _BENCHMARK,
    CONDITIONS,
    *fields(
        "adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice "
        "adjustedTrailingAmount adjustableTrailingUnit=0 softDollarTierName softDollarTierVal softDollarTierDisplayName "
        "cashQty dontUseAutoPriceForHedge=0 isOmsContainer=0 discretionaryUpToLimitPrice=0 usePriceMgmtAlgo "
        "duration>=158 postToAts>=160 autoCancelParent>=162"
    ),
    *_PEGS,
)

COMPLETED_ORDER: Layout = (
    *CONTRACT_11,
    *fields(
        "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin=0 orderRef permId=0 "
        "outsideRth=0 hidden=0 discretionaryAmt goodAfterTime faGroup faMethod faPercentage faProfile<177 modelCode "
        "goodTillDate rule80A percentOffset settlingFirm shortSaleSlot=0 designatedLocation exemptCode=-1 startingPrice "
        "stockRefPrice delta stockRangeLower stockRangeUpper displaySize=0 sweepToFill=0 allOrNone=0 minQty ocaType=0 "
        "triggerMethod=0 volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"
    ),
    When(_is_delta_neutral, NEUTRAL_4),
    *fields("continuousUpdate=0 referencePriceType trailStopPrice trailingPercent comboLegsDescrip"),
    *_COMBO,
    *_SCALED,
    *_HEDGE,
    *fields("clearingAccount clearingIntent notHeld=0"),
    *NEUTRAL_CONTRACT,
    *_ALGO,
    *fields("solicited=0 status randomizeSize=0 randomizePrice=0"),
    _BENCHMARK,
    CONDITIONS,
    *fields(
        "trailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge=0 isOmsContainer=0 autoCancelDate filledQuantity "
        "refFuturesConId=0 autoCancelParent=0 shareholder imbalanceOnly=0 routeMarketableToBbo=0 parentPermId=0 "
        "completedTime completedStatus"
    ),
    *_PEGS,
)
