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
use flashjob_operator::chart::template::{
    Capabilities, Limits, Program, Release, RenderError, functions,
};
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
            let built = Command::new(root().join("control-plane/build.sh"))
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

/// Later values win; null deletes.
fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    overlay(
                        base.entry(key).or_insert_with(|| Value::Object(Map::new())),
                        value,
                    );
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
        overlay(
            &mut merged,
            &yaml::parse(&fs::read_to_string(file).unwrap()).map_err(|error| error.to_string())?,
        );
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
    let rendered = program.render(
        values,
        &release,
        &Capabilities::default(),
        &Limits::default(),
    )?;
    let mut text = format!("{}\n", rendered.manifest.trim());
    for test in &rendered.tests {
        text.push_str(&format!("---\n# Source: {}\n{}\n", test.source, test.text));
    }
    Ok(text)
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
        for values in variants(sorted(&chart.join("ci"))) {
            reports.push(compare(&chart, &values));
        }
    }
    let compared = reports.len();
    let failures: Vec<String> = reports.into_iter().flatten().collect();
    assert!(
        failures.is_empty(),
        "{} of {compared} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(compared > 10, "only {compared} charts were found");
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
    let failures: Vec<String> = variants(sorted(&root().join("charts/created")))
        .iter()
        .filter_map(|values| compare(&chart, values))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_function_is_exercised_by_a_chart() {
    let mut words = BTreeSet::new();
    for chart in charts("charts") {
        let files = sorted(&chart.join("templates"))
            .into_iter()
            .chain([chart.join("values.yaml")]);
        for file in files.chain(sorted(&chart.join("ci"))) {
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

/// Failing templates, with the words that both errors have to hold.
const FAILING: &[(&str, &str)] = &[
    (
        "a: {{ .Values.nope.x }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "a: {{ .Values.nothing.x }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "{{ if .Values.nope.x }}{{ end }}",
        "nil pointer evaluating interface {}.x",
    ),
    ("a: {{ .Values.text.x }}", "can't evaluate field x in type"),
    ("a: {{ .Values.list.x }}", "can't evaluate field x in type"),
    (
        "a: {{ .Release.Nope.x }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "a: {{ required \"give me a value\" .Values.nope }}",
        "give me a value",
    ),
    ("a: {{ fail \"told to\" }}", "told to"),
    (
        "a: {{ include \"nowhere\" . }}",
        "error calling include: template: no template \"nowhere\" associated with template",
    ),
    (
        "{{ template \"nowhere\" . }}",
        "template \"nowhere\" not defined",
    ),
    (
        "a: {{ tpl \"{{ .Values.nope.x }}\" . }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "a: {{ tpl \"{{ nope }}\" . }}",
        "function \"nope\" not defined",
    ),
    (
        "a: {{ eq .Values.number 5 }}",
        "incompatible types for comparison",
    ),
    (
        "a: {{ lt .Values.number 5 }}",
        "incompatible types for comparison",
    ),
    ("a: {{ eq .Values.map .Values.map }}", "non-comparable type"),
    (
        "a: {{ gt .Values.text 1 }}",
        "incompatible types for comparison",
    ),
    (
        "a: {{ index .Values.list 3 }}",
        "error calling index: index out of range: 3",
    ),
    ("a: {{ index .Values.number 1 }}", "error calling index"),
    (
        "a: {{ len .Values.number }}",
        "error calling len: len of type float64",
    ),
    (
        "a: {{ trunc \"x\" \"y\" }}",
        "expected integer; found \"x\"",
    ),
    (
        "a: {{ trunc 1 }}",
        "wrong number of args for trunc: want 2 got 1",
    ),
    (
        "a: {{ upper .Values.number }}",
        "wrong type for value; expected string; got float64",
    ),
    (
        "a: {{ upper .Values.nothing }}",
        "wrong type for value; expected string; got interface {}",
    ),
    (
        "a: {{ repeat -1 \"x\" }}",
        "error calling repeat: strings: negative Repeat count",
    ),
    (
        "a: {{ indent -1 \"x\" }}",
        "error calling indent: strings: negative Repeat count",
    ),
    (
        "a: {{ substr 5 3 \"hello\" }}",
        "error calling substr: runtime error: slice bounds out of range",
    ),
    (
        "a: {{ substr 9 -1 \"hello\" }}",
        "error calling substr: runtime error: slice bounds out of range",
    ),
    (
        "a: {{ div 1 0 }}",
        "error calling div: runtime error: integer divide by zero",
    ),
    (
        "a: {{ mod 1 0 }}",
        "error calling mod: runtime error: integer divide by zero",
    ),
    (
        "a: {{ divf 1 0 }}",
        "error calling divf: decimal division by 0",
    ),
    (
        "a: {{ first .Values.text }}",
        "error calling first: Cannot find first on type string",
    ),
    (
        "a: {{ last .Values.map }}",
        "error calling last: Cannot find last on type map",
    ),
    (
        "a: {{ rest .Values.nope }}",
        "error calling rest: runtime error: invalid memory address or nil pointer dereference",
    ),
    (
        "a: {{ initial 1 }}",
        "error calling initial: Cannot find initial on type int",
    ),
    (
        "a: {{ append .Values.text 1 }}",
        "error calling append: Cannot push on type string",
    ),
    (
        "a: {{ prepend .Values.text 1 }}",
        "error calling prepend: Cannot prepend on type string",
    ),
    (
        "a: {{ reverse .Values.text }}",
        "error calling reverse: Cannot find reverse on type string",
    ),
    (
        "a: {{ uniq .Values.text }}",
        "error calling uniq: Cannot find uniq on type string",
    ),
    (
        "a: {{ compact .Values.number }}",
        "error calling compact: Cannot compact on type float64",
    ),
    (
        "a: {{ without .Values.text 1 }}",
        "error calling without: Cannot find without on type string",
    ),
    (
        "a: {{ has 1 .Values.text }}",
        "error calling has: Cannot find has on type string",
    ),
    (
        "a: {{ concat .Values.list .Values.text }}",
        "error calling concat: Cannot concat type string as list",
    ),
    (
        "a: {{ chunk 2 .Values.text }}",
        "error calling chunk: Cannot chunk type string",
    ),
    (
        "a: {{ slice .Values.text 1 2 }}",
        "error calling slice: list should be type of slice or array but string",
    ),
    (
        "a: {{ slice .Values.list 3 1 }}",
        "error calling slice: reflect.Value.Slice: slice index out of bounds",
    ),
    (
        "a: {{ get .Values.text \"a\" }}",
        "wrong type for value; expected map[string]interface {}; got string",
    ),
    (
        "a: {{ get .Values.nothing \"a\" }}",
        "wrong type for value; expected map[string]interface {}; got interface {}",
    ),
    (
        "a: {{ dig \"a\" \"b\" }}",
        "error calling dig: dig needs at least three arguments",
    ),
    (
        "a: {{ dig \"a\" \"b\" \"d\" .Values.map }}",
        "error calling dig: interface conversion: interface {} is float64, not map[string]interface {}",
    ),
    (
        "a: {{ dig \"map\" \"d\" .Values }}",
        "error calling dig: interface conversion: interface {} is common.Values, not map[string]interface {}",
    ),
    (
        "a: {{ dig 1 \"d\" .Values.map }}",
        "error calling dig: interface conversion: interface {} is int, not string",
    ),
    (
        "a: {{ ternary 1 2 .Values.text }}",
        "wrong type for value; expected bool; got string",
    ),
    (
        "a: {{ semver \"x\" }}",
        "error calling semver: invalid semantic version",
    ),
    (
        "a: {{ semver \"1.2.3-01\" }}",
        "error calling semver: version segment starts with 0",
    ),
    (
        "a: {{ semverCompare \"~~1\" \"1.0.0\" }}",
        "error calling semverCompare: improper constraint: \"~~1\"",
    ),
    (
        "a: {{ regexFind \"a**\" \"a\" }}",
        "invalid nested repetition operator",
    ),
    (
        "a: {{ mustRegexMatch \"(\" \"a\" }}",
        "error parsing regexp",
    ),
    (
        "a: {{ regexReplaceAll \"[\" \"a\" \"b\" }}",
        "missing closing ]",
    ),
    (
        "a: {{ urlParse \"http://h:x/\" }}",
        "error calling urlParse: unable to parse url",
    ),
    (
        "a: {{ urlJoin (dict \"host\" 1) }}",
        "error calling urlJoin: unable to parse host key, must be of type string, but int found",
    ),
    ("a: {{ mustFromJson \"{\" }}", "error calling mustFromJson"),
    (
        "a: {{ mustToYaml (float64 \"nan\") }}",
        "json: unsupported value: NaN",
    ),
    (
        "a: {{ range .Values.number }}{{ end }}",
        "range can't iterate over 5",
    ),
    ("a: {{ nope }}", "function \"nope\" not defined"),
    ("a: {{ $nope }}", "undefined variable \"$nope\""),
    ("a: {{ break }}", "{{break}} outside {{range}}"),
    ("a: {{ nil }}", "nil is not a command"),
    ("a: {{ \"x }}", "unterminated quoted string"),
    ("a: {{ end }}", "unexpected {{end}}"),
];

/// As [`FAILING`], where this engine has its own words for the same thing.
const WORDED_APART: &[(&str, &str, &str)] = &[
    (
        "a: {{ if }}{{ end }}",
        "missing value for if",
        "empty command",
    ),
    ("a: {{ if true }}", "unexpected EOF", "unexpected EOF"),
    (
        "a: [",
        "YAML parse error on wrong/templates/one.yaml",
        "wrong/templates/one.yaml: YAML parse error: line 2",
    ),
    (
        "a: \"x\" y",
        "YAML parse error on wrong/templates/one.yaml",
        "wrong/templates/one.yaml: YAML parse error: line 2",
    ),
    (
        "{{ define \"l\" }}{{ include \"l\" . }}{{ end }}{{ include \"l\" . }}",
        "nested reference name",
        "Bound(",
    ),
    (
        "a: {{ toRawJson (float64 \"inf\") }}",
        "json: unsupported value",
        "json: unsupported value",
    ),
    (
        "a: {{ b64dec \"?\" | b64dec | fail }}",
        "illegal base64 data",
        "illegal base64 data",
    ),
    (
        "a: {{ (fromJson \"{\").Error | fail }}",
        "unexpected end of JSON input",
        "the text is not JSON",
    ),
    (
        "a: {{ (fromYaml \"a: [\").Error | fail }}",
        "error converting YAML to JSON",
        "the text is not YAML",
    ),
];

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
