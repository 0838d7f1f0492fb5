//! The native engine against the real helm: every chart of `tests/charts` with every values file of its `ci/`,
//! compared byte for byte; failing expressions, compared in kind, file and line.
//!
//! The binary is found in the directory that `FLASHJOB_TOOLS` names, else it is built by `tests/control-plane/build.sh`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use flashjob_operator::chart::Chart;
use flashjob_operator::chart::template::{Capabilities, Limits, Program, Release, RenderError, functions};
use flashjob_operator::chart::yaml;
use serde_json::{Map, Value};

const RELEASE: &str = "parity";
const NAMESPACE: &str = "tests";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn helm_binary() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| {
        let directory = std::env::var("FLASHJOB_TOOLS").unwrap_or_else(|_| {
            let built = Command::new(root().join("control-plane/build.sh")).arg("helm").output().unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            String::from_utf8(built.stdout).unwrap().trim().to_owned()
        });
        Path::new(&directory).join("helm")
    })
}

/// What helm prints for a chart, or its error.
fn helm(chart: &Path, values: &[PathBuf]) -> Result<String, String> {
    let mut command = Command::new(helm_binary());
    command.args(["template", RELEASE]).arg(chart).args(["--namespace", NAMESPACE]);
    for file in values {
        command.arg("--values").arg(file);
    }
    let output = command.env("HELM_CACHE_HOME", std::env::temp_dir()).output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Later values win; null deletes.
fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    overlay(base.entry(key).or_insert_with(|| Value::Object(Map::new())), value);
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn native(directory: &Path, values: &[PathBuf]) -> Result<String, String> {
    let chart = Chart::load(directory).map_err(|error| error.to_string())?;
    let program = Program::compile(&chart).map_err(|error| error.to_string())?;
    let mut merged = Value::Object(Map::new());
    overlay(&mut merged, &chart.values);
    for file in values {
        overlay(&mut merged, &yaml::parse(&fs::read_to_string(file).unwrap()).map_err(|error| error.to_string())?);
    }
    render(&program, &merged).map_err(|error| format!("{error}\n{error:?}"))
}

fn render(program: &Program, values: &Value) -> Result<String, RenderError> {
    let release = Release {
        name: RELEASE.to_owned(),
        namespace: NAMESPACE.to_owned(),
        revision: 1,
        is_install: true,
        is_upgrade: false,
    };
    let rendered = program.render(values, &release, &Capabilities::default(), &Limits::default())?;
    let mut text = format!("{}\n", rendered.manifest.trim());
    for test in &rendered.tests {
        text.push_str(&format!("---\n# Source: {}\n{}\n", test.source, test.text));
    }
    Ok(text)
}

fn charts(folder: &str) -> Vec<PathBuf> {
    sorted(&root().join(folder)).into_iter().filter(|path| path.join("Chart.yaml").exists()).collect()
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
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
                report.push_str(&format!("  helm:   {}\n  native: {}\n", one.unwrap_or("<end>"), other.unwrap_or("<end>")));
            }
            _ => {}
        }
    }
    Some(if shown == 0 { "  white space at the end differs".to_owned() } else { report })
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
    std::iter::once(Vec::new()).chain(files.into_iter().map(|file| vec![file])).collect()
}

#[test]
fn every_chart_renders_byte_for_byte_as_helm_does() {
    let mut reports = Vec::new();
    for chart in charts("charts") {
        for values in variants(sorted(&chart.join("ci"))) {
            reports.push(compare(&chart, &values));
        }
    }
    let compared = reports.len();
    let failures: Vec<String> = reports.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{} of {compared} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(compared > 10, "only {compared} charts were found");
}

#[test]
fn the_chart_that_helm_creates_renders_alike_with_everything_switched_on() {
    let directory = tempfile::tempdir().unwrap();
    let created = Command::new(helm_binary()).args(["create", "app"]).current_dir(directory.path()).status().unwrap();
    assert!(created.success());
    let chart = directory.path().join("app");
    let failures: Vec<String> =
        variants(sorted(&root().join("charts/created"))).iter().filter_map(|values| compare(&chart, values)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_function_is_exercised_by_a_chart() {
    let mut words = BTreeSet::new();
    for chart in charts("charts") {
        let files = sorted(&chart.join("templates")).into_iter().chain([chart.join("values.yaml")]);
        for file in files.chain(sorted(&chart.join("ci"))) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            words.extend(text.split(|one: char| !one.is_ascii_alphanumeric() && one != '_').map(str::to_owned));
        }
    }
    // Go has `call` for values that are functions; no value of a chart is one.
    let missing: Vec<&str> = functions::names().filter(|name| *name != "call" && !words.contains(*name)).collect();
    assert!(missing.is_empty(), "no chart uses {missing:?}");
}
