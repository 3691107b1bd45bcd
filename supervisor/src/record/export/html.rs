//! A profile as one page that needs nothing else: no network, no files beside it.
//!
//! The page's text comes from three small files in `page/`, its numbers from the profile as JSON in a script element that
//! is data and not code. Names in a recording may come from anywhere, so the JSON cannot end its element, and the page's
//! script puts texts in as text. The page forbids itself, by its content security policy, to load anything.

use super::super::analysis::Profile;

const HTML: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const SCRIPT: [&str; 4] = [
    include_str!("page/base.js"),
    include_str!("page/charts.js"),
    include_str!("page/timeline.js"),
    include_str!("page/main.js"),
];

/// The page.
///
/// # Errors
/// None in practice: a profile is all numbers and texts.
pub fn page(profile: &Profile) -> Result<String, serde_json::Error> {
    // "</script" would end the element, and "<!--" would start an odd state of the parser.
    let data = serde_json::to_string(profile)?.replace('<', "\\u003c");
    // The data goes in last, so that nothing in it is taken for a place to put something.
    Ok(HTML.replace("{{css}}", CSS).replace("{{script}}", &SCRIPT.concat()).replacen("{{data}}", &data, 1))
}
