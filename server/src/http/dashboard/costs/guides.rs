//! What to put behind a landing page's address at each ad platform, so that visits tell their campaign, and what they cost where the
//! platform tells that. What is said of macros stands in the platforms' own help pages.

/// How a platform's visits tell where they come from, and what they cost.
pub(super) struct Guide {
    /// Tells it from the others on a page.
    pub(super) id: String,
    /// The platform.
    pub(super) title: &'static str,
    /// Where it is entered there.
    pub(super) place: &'static str,
    /// The parameters.
    pub(super) parameters: String,
    /// Whether they tell the cost.
    pub(super) tells_cost: bool,
    /// What else there is to know.
    pub(super) remark: &'static str,
}

/// Title, place, parameters without the cost, the macro of the cost, remark.
const GUIDES: [(&str, &str, &str, Option<&str>, &str); 9] = [
    (
        "Meta (Facebook, Instagram)",
        "Ad › Tracking › URL parameters",
        "utm_source=facebook&utm_medium=paid&utm_campaign={{campaign.name}}&utm_term={{adset.name}}&utm_content={{ad.name}}",
        None,
        "Meta has no macro for the cost. Upload its export, broken down by day; its campaigns, ad sets and ads then meet these parameters.",
    ),
    (
        "Google Ads",
        "Settings › Account settings › Tracking › Final URL suffix",
        "utm_source=google&utm_medium=cpc&utm_campaign={campaignid}&utm_term={adgroupid}&utm_content={creative}",
        None,
        "None of Google's ValueTrack parameters tells the cost, and they tell ids, not names. Upload a report segmented by day that has \
         the columns Campaign ID and Ad group ID, and choose those as campaign and term.",
    ),
    (
        "Microsoft Advertising",
        "Settings › Account level options › Final URL suffix",
        "utm_source=bing&utm_medium=cpc&utm_campaign={Campaign}&utm_term={AdGroup}&utm_content={AdId}",
        None,
        "There is no parameter for the cost. Upload a campaign or ad group performance report by day.",
    ),
    (
        "TikTok",
        "Ad › Destination › URL parameters",
        "utm_source=tiktok&utm_medium=paid&utm_campaign=__CAMPAIGN_NAME__&utm_term=__AID_NAME__&utm_content=__CID_NAME__",
        None,
        "There is no macro for the cost. Upload a custom report by day with campaign, ad group and ad.",
    ),
    (
        "Taboola, Outbrain",
        "Campaign › Tracking code",
        "utm_source=taboola&utm_medium=native&utm_campaign={campaign_name}&utm_term={site}&utm_content={campaign_item_id}",
        None,
        "These are Taboola's; Outbrain writes its own in double braces. Neither documents a macro whose value says the cost as a number. \
         Upload their reports by day.",
    ),
    (
        "Pinterest, Snapchat, Reddit, X, LinkedIn",
        "at each ad's destination",
        "utm_source=pinterest&utm_medium=paid&utm_campaign=winter",
        None,
        "None of them documents a macro for the cost. Give each campaign's name by hand, or by their macros, and upload their reports by day.",
    ),
    (
        "MGID",
        "Campaign › Tracking tags",
        "utm_source=mgid&utm_medium=native&utm_campaign={campaign_id}&utm_term={widget_id}&utm_content={teaser_id}",
        Some("{click_price}"),
        "MGID takes some clicks back later, which no address can tell: its own report says what you pay in the end. Use one of the two.",
    ),
    (
        "Pop, push and other networks that sell single visits",
        "the campaign's target URL",
        "utm_source=network&utm_medium=push&utm_campaign={campaign}",
        Some("{cost}"),
        "Many have a macro for the price of a visit, under names like {cost}, {cpc}, {bid} or {price}: look into their list of macros, or \
         tokens. A price for a thousand is not one for a visit: {cpm} does not do.",
    ),
    (
        "A fixed price for a visit (newsletters, partners)",
        "the link itself",
        "utm_source=newsletter&utm_medium=email&utm_campaign=spring",
        Some("0.25"),
        "Write the price into the link yourself. What costs a fixed sum however many come is entered above.",
    ),
];

/// The guides, for this name of the cost parameter.
pub(super) fn guides(param: &str) -> Vec<Guide> {
    let guide = |(at, (title, place, parameters, cost, remark)): (usize, (_, _, &str, Option<&str>, _))| Guide {
        id: format!("guide-{at}"),
        title,
        place,
        parameters: match cost {
            Some(cost) => format!("{parameters}&{param}={cost}"),
            None => parameters.to_owned(),
        },
        tells_cost: cost.is_some(),
        remark,
    };
    GUIDES.into_iter().enumerate().map(guide).collect()
}
