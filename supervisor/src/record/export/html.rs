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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::analysis::analyse;
    use crate::record::synth;

    #[test]
    fn a_name_cannot_leave_the_data() {
        let header = synth::header(&["</script><b>x</b>", "<!--", "{{script}}"]);
        let events = synth::events(&header, 20, 1);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), synth::bytes(&header, &events)).unwrap();
        let page = page(&analyse(file.path(), &[]).unwrap()).unwrap();
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("<!--") && !page.contains("<b>"));
        let (_, data) = page.split_once("id=\"data\">").unwrap();
        let data: serde_json::Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
        let names: Vec<_> = data["summary"]["partitions"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
        assert_eq!(names, ["</script><b>x</b>", "<!--", "{{script}}"]);
    }

    #[test]
    fn a_long_recording_makes_no_long_page() {
        let header = synth::header(&["nav", "io"]);
        let sizes = [1_000, 20_000].map(|frames| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), synth::bytes(&header, &synth::events(&header, frames, 5))).unwrap();
            page(&analyse(file.path(), &[]).unwrap()).unwrap().len()
        });
        assert!(sizes[1] < sizes[0] * 2 && sizes[1] < 1 << 20, "{sizes:?}");
    }
}
