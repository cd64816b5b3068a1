"""Opportunities, products and prices: what the stage decides, what a line costs, which prices must
exist first."""

from __future__ import annotations

from loaders.rehearsal.org.rules.base import ObjectRules, Unique, refuse

STAGE = (
    """left join org."OpportunityStage" stage on stage."ApiName" = m."m_StageName" and stage."IsActive\""""
)
# With products an opportunity is worth their sum, and what a client says is ignored (object reference, Amount).
LINES = """left join (select "OpportunityId" as id, sum("TotalPrice") as total from org."OpportunityLineItem"
    where not "IsDeleted" group by 1) lines on lines.id = m.target_id"""
AMOUNT = """coalesce(lines.total, "m_Amount")"""
PROBABILITY = """case when "g_Probability" then "m_Probability"
    when is_new or "g_StageName" then stage."DefaultProbability" else "m_Probability" end"""

SALES = {
    "Opportunity": ObjectRules(
        needs=("StageName", "Probability", "CloseDate", "Amount", "ForecastCategoryName"),
        joins=f"""{STAGE} {LINES}""",
        derived={
            "Amount": AMOUNT,
            "IsClosed": """coalesce(stage."IsClosed", false)""",
            "IsWon": """coalesce(stage."IsWon", false)""",
            "Probability": PROBABILITY,
            "ForecastCategory": """coalesce(stage."ForecastCategory", 'Pipeline')""",
            "ForecastCategoryName": """coalesce(
                case when "g_ForecastCategoryName" then "m_ForecastCategoryName" end,
                stage."ForecastCategoryName", 'Pipeline')""",
            "ExpectedRevenue": f"""round({AMOUNT} * coalesce({PROBABILITY}, 0) / 100, 2)""",
            "FiscalYear": """year("m_CloseDate")""",
            "FiscalQuarter": """quarter("m_CloseDate")""",
            "Fiscal": """year("m_CloseDate") || ' ' || quarter("m_CloseDate")""",
        },
    ),
    "OpportunityLineItem": ObjectRules(
        needs=("OpportunityId", "PricebookEntryId", "Product2Id", "Quantity", "UnitPrice", "TotalPrice"),
        joins="""left join org."Opportunity" deal on deal."Id" = m."m_OpportunityId"
            left join org."PricebookEntry" price on price."Id" = m."m_PricebookEntryId"
            left join org."Product2" product
                on product."Id" = coalesce(price."Product2Id", m."m_Product2Id")""",
        derived={
            "Product2Id": """coalesce(price."Product2Id", "m_Product2Id")""",
            "ProductCode": """product."ProductCode\"""",
            "Name": """product."Name\"""",
            "ListPrice": """price."UnitPrice\"""",
            "UnitPrice": """coalesce("m_UnitPrice", "m_TotalPrice" / nullif("m_Quantity", 0))""",
            "TotalPrice": """case when "g_TotalPrice" and not "g_UnitPrice" then "m_TotalPrice"
                else "m_UnitPrice" * "m_Quantity" end""",
        },
        errors=(
            refuse(
                """is_new and "g_UnitPrice" and "g_TotalPrice" and "m_UnitPrice" is not null and
                "m_TotalPrice" is not null""",
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: only one of unit price or total price may be specified",
            ),
            refuse(
                """is_new and "m_UnitPrice" is null and "m_TotalPrice" is null""",
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [UnitPrice]",
                "UnitPrice",
            ),
            refuse(
                """is_new and "m_PricebookEntryId" is null and "m_Product2Id" is null""",
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: PricebookEntryId (pricebook entry has not been specified)",
                "PricebookEntryId",
            ),
            refuse(
                """is_new and price."Id" is not null and deal."Pricebook2Id" is distinct from price."Pricebook2Id\"""",
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than "
                "the one assigned to the opportunity)",
                "PricebookEntryId",
            ),
        ),
        effect="opportunity_amounts",
    ),
    "PricebookEntry": ObjectRules(
        needs=("Pricebook2Id", "Product2Id"),
        joins="""left join org."Pricebook2" book on book."Id" = m."m_Pricebook2Id"
            left join org."Product2" product on product."Id" = m."m_Product2Id"
            left join (select entry."Product2Id" as id from org."PricebookEntry" entry
                join org."Pricebook2" standard on standard."Id" = entry."Pricebook2Id"
                where standard."IsStandard" and not entry."IsDeleted" group by 1)
                has_standard on has_standard.id = m."m_Product2Id\"""",
        derived={"Name": """product."Name\"""", "ProductCode": """product."ProductCode\""""},
        errors=(
            refuse(
                """is_new and not book."IsStandard" and has_standard.id is null""",
                "STANDARD_PRICE_NOT_DEFINED",
                "No standard price defined for this product",
            ),
        ),
        unique=(
            Unique(
                """"m_Pricebook2Id" || "m_Product2Id\"""",
                """"Pricebook2Id" || "Product2Id\"""",
                "DUPLICATE_VALUE",
                "This price definition already exists in this price book",
            ),
        ),
    ),
}
