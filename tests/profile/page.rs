//! The page: what it shows is what the JSON says.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{bulkhead_with, module, record};
use crate::common::{finish, skip};

/// The data that a page carries.
pub(super) fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("the data's element");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("the data is JSON")
}

/// What the page of a recording carries, judged by a budget, which may be broken.
pub(super) fn judged(recording: &Path, budget: &str) -> Value {
    let page = recording.with_extension("html");
    let [recording, out] = [recording, &page].map(|path| path.to_str().unwrap());
    let report = bulkhead_with(&["report", recording, "--budget", budget, "--html", out]);
    assert!([0, 1].contains(&report.code()), "{report:#?}");
    data(&text(&page))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file can be read")
}

#[test]
fn a_pages_figures_are_those_of_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 400);
    let out = folder.path().join("page.html");
    let report = bulkhead_with(&["report", "--json", recording.to_str().unwrap(), "--html", out.to_str().unwrap()]);
    assert_eq!(report.code(), 0, "{report:#?}");
    let page = text(&out);
    let data = data(&page);
    assert_eq!(data["summary"], report.json());

    // The windows' own figures add up to the partitions', and so do their bars.
    for (index, partition) in data["summary"]["partitions"].as_array().unwrap().iter().enumerate() {
        let windows = data["windows"].as_array().unwrap().iter().filter(|window| window["partition"] == index);
        let (mut count, mut max, mut bars, mut peak) = (0, 0, 0, 0);
        for window in windows {
            count += window["figure"]["count"].as_u64().unwrap();
            max = max.max(window["figure"]["max"].as_u64().unwrap());
            bars += window["bins"].as_array().unwrap().iter().map(|bin| bin["count"].as_u64().unwrap()).sum::<u64>();
            let series = window["max_ns"].as_array().unwrap().iter().filter_map(Value::as_u64);
            peak = peak.max(series.max().unwrap());
        }
        let figure = &partition["start_lateness_ns"];
        assert_eq!((count, max), (figure["count"].as_u64().unwrap(), figure["max"].as_u64().unwrap()));
        assert_eq!((bars, peak), (count, max), "{}", partition["name"]);
    }
    // The worst window of all is the first of the list but for those that did not start, and the shares of each add up to it.
    let worst = data["worst"].as_array().unwrap();
    let partitions = data["summary"]["partitions"].as_array().unwrap();
    let figures = ["start_lateness_ns", "first_instruction_ns"];
    let latest =
        partitions.iter().flat_map(|partition| figures.map(|figure| partition[figure]["max"].as_u64().unwrap()));
    let max = latest.max();
    match worst.iter().find(|worst| worst["missed"] == false) {
        Some(worst) => assert_eq!(worst["lateness_ns"].as_u64(), max),
        // The host was so busy that nothing but these has room in the list.
        None => assert_eq!(worst.len(), 40),
    }
    assert!(worst.is_sorted_by_key(|worst| std::cmp::Reverse(worst["lateness_ns"].as_u64())));
    for worst in worst {
        let shares = worst["shares"].as_array().unwrap().iter().map(|share| share["ns"].as_u64().unwrap());
        assert_eq!(Some(shares.sum::<u64>()), worst["lateness_ns"].as_u64());
    }
    // What interrupted the core around the worst windows is named, and no more of it than there was. The timer always did.
    let counted = worst.iter().filter(|worst| worst["interrupts"].as_u64() > Some(0));
    for worst in counted {
        let sources = worst["sources"].as_array().unwrap();
        let counts = sources.iter().map(|source| source["count"].as_u64().unwrap());
        assert!(counts.clone().all(|count| count > 0), "{worst:#}");
        assert!(counts.clone().sum::<u64>() <= worst["interrupts"].as_u64().unwrap(), "{worst:#}");
        assert!(counts.clone().is_sorted_by(|one, next| one >= next), "{worst:#}");
        if std::fs::read_to_string("/proc/interrupts").is_ok_and(|text| text.contains("Local timer interrupts")) {
            let names = sources.iter().map(|source| source["name"].as_str().unwrap());
            assert!(names.clone().any(|name| name == "Local timer interrupts (LOC)"), "{worst:#}");
        }
    }
    assert!(worst.iter().any(|worst| worst["interrupts"].as_u64() > Some(0)), "{worst:#?}");
    // Nothing is loaded from anywhere.
    assert!(page.contains("default-src 'none'"));
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!["http:", "https:", " src=", "@import", "url("].iter().any(|link| elsewhere.contains(link)));
}

/// A browser that runs without a screen, if the host has one.
fn browser() -> Option<&'static str> {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    known.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success()))
}

#[test]
fn a_browser_shows_these_figures_without_a_complaint() {
    let Some(browser) = browser() else { return skip("no browser that runs without a screen") };
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 300);
    let out = folder.path().join("page.html");
    let made = bulkhead_with(&["report", recording.to_str().unwrap(), "--html", out.to_str().unwrap()]);
    assert_eq!((made.code(), made.stdout.as_str()), (0, ""), "{made:#?}");
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
    ]);
    command.arg(format!("--user-data-dir={}", folder.path().join("browser").display()));
    command.arg("--dump-dom").arg(format!("file://{}", out.display()));
    let shown = finish(command);
    assert_eq!(shown.code(), 0, "{}", shown.stderr);
    let complaints: Vec<_> = shown.stderr.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(shown.stdout.contains("data-ready=\"yes\""), "the script did not come to its end");
    for partition in data(&text(&out))["summary"]["partitions"].as_array().unwrap() {
        let name = partition["name"].as_str().unwrap();
        let (_, row) = shown.stdout.split_once(&format!("<tr data-partition=\"{name}\">")).expect("a row");
        let (row, _) = row.split_once("</tr>").unwrap();
        assert!(row.contains(&format!("data-count=\"{}\"", partition["windows"])), "{row}");
        for figure in ["p50", "p90", "p99", "p999", "max"] {
            let ns = &partition["start_lateness_ns"][figure];
            assert!(row.contains(&format!("data-ns=\"{ns}\"")), "{figure} {ns}: {row}");
        }
        let (_, row) = shown.stdout.split_once(&format!("<tr data-guest=\"{name}\">")).expect("a row");
        let (row, _) = row.split_once("</tr>").unwrap();
        for figure in ["interrupts_raised", "interrupts", "messages_sent", "messages_arrived", "messages_received"] {
            assert!(row.contains(&format!("data-{figure}=\"{}\"", partition[figure])), "{figure}: {row}");
        }
    }
}
