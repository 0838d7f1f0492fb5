//! The native engine against the real helm: every chart of `tests/charts` with every values file of its `ci/`,
//! compared byte for byte; failing expressions, compared in kind, file and line.
//!
//! The binary is found in the directory that `FLASHJOB_TOOLS` names, else it is built by `tests/control-plane/build.sh`.

#![allow(clippy::unwrap_used, clippy::format_push_string)] // a test may panic, and is not a hot path

mod edges;
mod failing;
mod oracle;
mod suites;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use helm_chart::Chart;
use helm_chart::engine::{Document, Limits, Program, Release, RenderError, functions};
use helm_chart::values;
use serde_json::{Map, Value};

use failing::{FAILING, WORDED_APART};

const RELEASE: &str = "parity";
const NAMESPACE: &str = "tests";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn helm_binary() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| {
        let directory = std::env::var("FLASHJOB_TOOLS").unwrap_or_else(|_| {
            let built = Command::new(root().join("../../../tests/control-plane/build.sh"))
                .arg("helm")
                .output()
                .unwrap();
            assert!(
                built.status.success(),
                "{}",
                String::from_utf8_lossy(&built.stderr)
            );
            String::from_utf8(built.stdout).unwrap().trim().to_owned()
        });
        Path::new(&directory).join("helm")
    })
}

/// What helm prints for a chart, or its error.
fn helm(chart: &Path, values: &[PathBuf]) -> Result<String, String> {
    let mut command = Command::new(helm_binary());
    command
        .args(["template", RELEASE])
        .arg(chart)
        .args(["--namespace", NAMESPACE]);
    for file in values {
        command.arg("--values").arg(file);
    }
    let output = command
        .env("HELM_CACHE_HOME", std::env::temp_dir())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn native(directory: &Path, files: &[PathBuf]) -> Result<String, String> {
    let chart = Chart::load(directory).map_err(|error| error.to_string())?;
    let program = Program::compile(&chart).map_err(|error| error.to_string())?;
    let mut user = Map::new();
    for file in files {
        let read = values::parse(&fs::read_to_string(file).unwrap());
        values::lay_over(&mut user, read.map_err(|error| error.to_string())?);
    }
    let merged = Value::Object(values::coalesce(
        &object(chart.values.as_ref().clone()),
        user,
    ));
    let checked = program.check_values(&merged);
    checked.map_err(|error| error.to_string())?;
    render(&program, &merged).map_err(|error| format!("{error}\n{error:?}"))
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value {
        map
    } else {
        Map::new()
    }
}

fn render(program: &Program, values: &Value) -> Result<String, RenderError> {
    let rendered = program.render(values, &release(), &Arc::default(), &Limits::default())?;
    let mut text = format!("{}\n", rendered.manifest.trim());
    for hook in &rendered.hooks {
        let Document {
            source, text: of, ..
        } = &hook.document;
        text.push_str(&format!("---\n# Source: {source}\n{of}\n"));
    }
    Ok(text)
}

fn release() -> Release {
    Release {
        name: RELEASE.to_owned(),
        namespace: NAMESPACE.to_owned(),
        revision: 1,
        is_install: true,
        is_upgrade: false,
    }
}

fn charts(folder: &str) -> Vec<PathBuf> {
    sorted(&root().join(folder))
        .into_iter()
        .filter(|path| path.join("Chart.yaml").exists())
        .collect()
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The files of values in a directory, in order.
fn values_files(directory: &Path) -> Vec<PathBuf> {
    let is_yaml = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    };
    sorted(directory).into_iter().filter(is_yaml).collect()
}

/// The first lines that differ, so that a failure can be read.
fn difference(helm: &str, native: &str) -> Option<String> {
    if helm == native {
        return None;
    }
    let mut report = String::new();
    let (mut left, mut right) = (helm.lines(), native.lines());
    let mut shown = 0;
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (one, other) if one != other && shown < 12 => {
                shown += 1;
                report.push_str(&format!(
                    "  helm:   {}\n  native: {}\n",
                    one.unwrap_or("<end>"),
                    other.unwrap_or("<end>")
                ));
            }
            _ => {}
        }
    }
    Some(if shown == 0 {
        "  white space at the end differs".to_owned()
    } else {
        report
    })
}

fn compare(chart: &Path, values: &[PathBuf]) -> Option<String> {
    let report = match (helm(chart, values), native(chart, values)) {
        (Ok(helm), Ok(native)) => difference(&helm, &native)?,
        (helm, native) => format!("  helm: {:?}\n  native: {:?}", helm.err(), native.err()),
    };
    Some(format!("{} {values:?}:\n{report}", chart.display()))
}

/// Without further values, and with each of the files.
fn variants(files: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    std::iter::once(Vec::new())
        .chain(files.into_iter().map(|file| vec![file]))
        .collect()
}

#[test]
fn every_chart_renders_byte_for_byte_as_helm_does() {
    let mut reports = Vec::new();
    for chart in charts("charts") {
        for values in variants(values_files(&chart.join("ci"))) {
            reports.push(compare(&chart, &values));
        }
    }
    assert_alike(reports, 10);
}

/// Each report is of one comparison; none is of one without a difference.
fn assert_alike(reports: Vec<Option<String>>, more_than: usize) {
    let compared = reports.len();
    let failures: Vec<String> = reports.into_iter().flatten().collect();
    assert!(
        failures.is_empty(),
        "{} of {compared} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(compared > more_than, "only {compared} were compared");
}

#[test]
fn the_chart_that_helm_creates_renders_alike_with_everything_switched_on() {
    let directory = tempfile::tempdir().unwrap();
    let created = Command::new(helm_binary())
        .args(["create", "app"])
        .current_dir(directory.path())
        .status()
        .unwrap();
    assert!(created.success());
    let chart = directory.path().join("app");
    let variants = variants(values_files(&root().join("charts/created")));
    let reports = variants.iter().map(|values| compare(&chart, values));
    assert_alike(reports.collect(), 1);
}

#[test]
fn the_charts_that_are_shipped_render_alike_over_a_corpus_of_values() {
    let charts = root().join("../../../charts");
    let mut reports = Vec::new();
    for name in ["flash-pod", "flashjob-operator"] {
        let copy = tempfile::tempdir().unwrap();
        copy_of_what_both_render(&charts.join(name), copy.path());
        let chart = copy.path().to_owned();
        let files = values_files(&charts.join(name).join("ci"))
            .into_iter()
            .chain(values_files(&root().join("charts").join(name)));
        for values in files {
            reports.push(compare(&chart, &[values]));
        }
    }
    assert_alike(reports, 12);
}

/// Whether only helm renders this template.
fn is_helms_alone(template: &str) -> bool {
    template.contains("helm.sh/hook: post-") || template.contains("{{- if lookup ")
}

/// A chart less its templates that only helm renders: those that may become hooks (the operator's default class on an empty
/// cluster), and those that look into the cluster (whether namespaces exist; without a cluster it renders nothing).
fn copy_of_what_both_render(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in sorted(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_of_what_both_render(&path, &target);
        } else if !fs::read_to_string(&path).is_ok_and(|text| is_helms_alone(&text)) {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn every_function_is_exercised_by_a_chart() {
    let mut words = BTreeSet::new();
    for chart in charts("charts") {
        let files = sorted(&chart.join("templates"))
            .into_iter()
            .chain([chart.join("values.yaml")]);
        for file in files.chain(values_files(&chart.join("ci"))) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            words.extend(
                text.split(|one: char| !one.is_ascii_alphanumeric() && one != '_')
                    .map(str::to_owned),
            );
        }
    }
    // Go has `call` for values that are functions; no value of a chart is one.
    let missing: Vec<&str> = functions::names()
        .filter(|name| *name != "call" && !words.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no chart uses {missing:?}");
}

/// A chart in a directory of its own with one template, which begins with a line that works.
fn chart_of(template: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("templates")).unwrap();
    fs::write(
        directory.path().join("Chart.yaml"),
        "apiVersion: v2\nname: wrong\nversion: 0.1.0\n",
    )
    .unwrap();
    let values =
        "text: words\nnumber: 5\nlist: [a]\nnone: []\nmap: {a: 1, text: t}\nnothing: null\n";
    fs::write(directory.path().join("values.yaml"), values).unwrap();
    fs::write(
        directory.path().join("templates/one.yaml"),
        format!("kind: One\n{template}\n"),
    )
    .unwrap();
    directory
}

/// Text without the line breaks and indentation that Helm 4 puts into errors.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_helm_refuses_is_refused_alike_with_file_and_line() {
    let mut failures = Vec::new();
    let alike = FAILING
        .iter()
        .map(|(template, words)| (*template, *words, *words));
    for (template, helms, ours) in alike.chain(WORDED_APART.iter().copied()) {
        let directory = chart_of(template);
        let (helm, native) = (helm(directory.path(), &[]), native(directory.path(), &[]));
        let (Err(helm), Err(native)) = (&helm, &native) else {
            failures.push(format!(
                "{template}\n  helm: {helm:?}\n  native: {native:?}"
            ));
            continue;
        };
        for (name, text, words) in [("helm", helm, helms), ("native", native, ours)] {
            let text = flat(text);
            // A text that ends too early is missed on the line after it; errors of YAML give the line in words.
            let lines: &[&str] = if words.contains("YAML parse") || words.contains("EOF") {
                &[""]
            } else {
                &[":2:", ":2 ", ":2)"]
            };
            let placed = lines
                .iter()
                .any(|line| text.contains(&format!("templates/one.yaml{line}")));
            if !text.contains(words) || !placed {
                failures.push(format!("{template}\n  {name}: {text}"));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        FAILING.len() + WORDED_APART.len(),
        failures.join("\n")
    );
}

#[test]
fn functions_whose_result_depends_on_chance_or_the_world_are_refused_when_the_chart_is_compiled() {
    for name in [
        "now",
        "uuidv4",
        "lookup",
        "genCA",
        "getHostByName",
        "toToml",
        "randAlphaNum",
        "mustToDuration",
    ] {
        let directory = chart_of(&format!("a: {{{{ {name} }}}}"));
        let error = Program::compile(&Chart::load(directory.path()).unwrap()).unwrap_err();
        let [problem] = &error.problems[..] else {
            panic!("{error}")
        };
        assert_eq!(
            (problem.file.as_str(), problem.line),
            ("templates/one.yaml", 2)
        );
        assert!(problem.what.contains(name), "{problem:?}");
        assert!(functions::refused(name).is_some());
    }
}
