//! Memory that the largest texts cost when they are read, and the edges when they are rendered, measured in a process in which nothing else allocates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use helm_chart::engine::{Limits, Program};
use helm_chart::{Chart, schema::Schema, values, yaml};
use serde_json::{Map, Value};

mod large;

use large::{chart, release};

/// Memory that reading and rendering may take, in MiB.
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

/// Templates that make as much as they can.
const HOSTILE: [&str; 6] = [
    "{{ $l := list 1 }}{{ range 64 }}{{ $l = concat $l $l }}{{ end }}",
    "{{ $t := \"ab\" }}{{ range 64 }}{{ $t = print $t $t }}{{ end }}",
    "{{ $d := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ end }}{{ toJson $d }}",
    "{{ $d := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ end }}{{ deepCopy $d | len }}",
    "{{ tpl (print \"{{ if 0 }}\" (repeat 130000 \"{{ else if 0 }}\") \"{{ end }}\") . }}",
    "{{ range 1000000 }}{{ printf \"%01000d\" 1 }}{{ end }}",
];

fn render(chart: &Chart, user: Map<String, Value>) -> Result<(), String> {
    let program = Program::compile(chart).map_err(|error| error.to_string())?;
    let values = Value::Object(values::coalesce(chart.values.as_object().unwrap(), user));
    let rendered = program.render(&values, &release(), &Arc::default(), &Limits::default());
    rendered.map(drop).map_err(|error| error.to_string())
}

#[test]
fn whatever_is_read_or_rendered_stays_within_bounds() {
    let text = large::five_megabytes();
    costs("5 MB of values", || {
        let read = values::parse(&text).unwrap();
        let merged = values::coalesce(&read, serde_json::Map::new());
        assert_eq!(merged.len(), read.len());
    });
    costs("a chart with 5 MB of values", || {
        assert!(chart(&[("values.yaml", &text)]).values.is_object());
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
    rendering();
    edges();
}

fn rendering() {
    costs("templates that take all they may", || {
        for template in HOSTILE {
            let ended = render(&chart(&[("templates/a.yaml", template)]), Map::new());
            let error = ended.unwrap_err();
            assert!(
                error.contains("the templates") || error.contains("nesting depth"),
                "{error}"
            );
        }
    });
    costs("forty thousand definitions", || {
        let text = large::defines();
        assert_eq!(
            render(&chart(&[("templates/_a.tpl", &text)]), Map::new()),
            Ok(())
        );
    });
}

fn edges() {
    let edges = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edges");
    for folder in fs::read_dir(edges).unwrap() {
        let folder = folder.unwrap().path();
        costs(&folder.display().to_string(), || {
            let user = fs::read_to_string(folder.join("user.yaml")).unwrap_or_default();
            if let (Ok(chart), Ok(user)) = (Chart::load(&folder.join("c")), values::parse(&user)) {
                // Some are refused: what that costs counts, too.
                let _ = render(&chart, user);
            }
        });
    }
}
