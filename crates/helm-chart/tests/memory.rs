//! Memory that the largest texts cost when they are read, measured in a process in which nothing else allocates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use helm_chart::{Chart, File, schema::Schema, values, yaml};

/// Memory that reading may take, in MiB.
const LIMIT: usize = 256;

/// The most memory that this process has had so far, in MiB.
fn most() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        / 1024
}

fn costs(what: &str, run: impl FnOnce()) {
    let begun = Instant::now();
    run();
    println!("{what}: {:?}, {} MiB", begun.elapsed(), most());
    assert!(most() < LIMIT, "{what} took {} MiB", most());
}

/// Five megabytes of values such as charts have.
fn large() -> String {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < 5_000_000 {
        number += 1;
        let _ = write!(
            text,
            "service{number}:\n  image: \"registry.example.org/some/image:1.{number}\"\n  replicas: {number}\n  enabled: yes\n  \
             ports: [80, 443]\n  labels: {{app: a{number}, tier: backend}}\n"
        );
    }
    text
}

#[test]
fn whatever_is_read_stays_within_bounds() {
    let text = large();
    costs("5 MB of values", || {
        let read = values::parse(&text).unwrap();
        let merged = values::coalesce(&read, serde_json::Map::new());
        assert_eq!(merged.len(), read.len());
    });
    costs("a chart with 5 MB of values", || {
        let file = |name: &str, text: &str| File {
            name: name.to_owned(),
            data: text.as_bytes().to_vec(),
        };
        let chart = file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
        let chart = Chart::from_files(vec![chart, file("values.yaml", &text)]).unwrap();
        assert!(chart.values.is_object());
    });
    costs("YAML of 5 MB", || {
        let read = yaml::parse(&text).unwrap();
        assert!(yaml::emit(&read).len() > 5_000_000);
    });
    costs("a million numbers", || {
        let text = format!("[{}]", "1,".repeat(1_000_000));
        assert!(yaml::parse(&text).is_ok());
    });
    costs("a million aliases", || {
        let text = format!("a: &a x\nb: [{}]", "*a,".repeat(1_000_000));
        assert!(yaml::parse(&text).is_ok());
    });
    costs("a text behind aliases", || {
        let text = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), "*a,".repeat(900));
        let error = yaml::parse(&text).unwrap_err().to_string();
        assert!(error.contains("takes more than 128 MiB"), "{error}");
    });
    costs("lists in lists", || {
        assert!(yaml::parse(&"[],".repeat(1_000_000)).is_ok());
        assert!(yaml::parse(&format!("[{}]", "[],".repeat(1_000_000))).is_ok());
    });
    costs("brackets in brackets", || {
        assert!(yaml::parse(&"[".repeat(5_000_000)).is_err());
        assert!(yaml::parse(&"{a: ".repeat(1_000_000)).is_err());
    });
    costs("a schema whose subschemas multiply", || {
        let text = r##"{"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]}"##;
        assert!(Schema::compile(text.as_bytes()).is_err());
    });
}
