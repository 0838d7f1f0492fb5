//! Helm's answers to many questions from one process, and the native engine's to the same.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use helm_chart::engine::{Limits, Program};
use helm_chart::schema::Schema;
use helm_chart::{Chart, File, values, yaml};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::release;

/// A question, and Helm's answer: its output or its error.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Case {
    pub suite: String,
    /// `yaml`, `template`, `chart` or `schema`.
    pub op: String,
    pub text: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub values: Value,
    pub files: BTreeMap<String, String>,
    pub user: Vec<String>,
    #[serde(skip_serializing)]
    pub output: Option<String>,
    #[serde(skip_serializing)]
    pub error: String,
}

/// The native engine's answer to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Native {
    Output(String),
    /// It failed, and says that Helm fails, too.
    Failed(String),
    /// Refused when the chart was loaded: the chart is for the helm engine.
    Refused(String),
}

/// How the two answers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Equal,
    /// Helm renders, and the chart is left to it.
    Refused,
    /// Both print, but different texts.
    Mismatch,
    /// Helm prints, and the native engine fails while it renders.
    Fails,
    /// The native engine prints, and Helm fails.
    Accepts,
}

/// The program. Go builds it only after a change.
fn oracle() -> &'static Path {
    static ORACLE: OnceLock<PathBuf> = OnceLock::new();
    ORACLE.get_or_init(|| {
        let built = Command::new(crate::root().join("parity/oracle.sh"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{errors}");
        PathBuf::from(String::from_utf8(built.stdout).unwrap().trim())
    })
}

/// Runs the program with these arguments and with these cases on its input.
pub fn ask(arguments: &[&str], cases: &[Case]) -> Vec<Case> {
    let mut command = Command::new(oracle());
    command
        .args(arguments)
        .current_dir(crate::root().join("../../../tests/control-plane/tools/helm"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = cases
        .iter()
        .map(|case| serde_json::to_string(case).unwrap())
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Compares the two answers to a case, with what the native engine said.
pub fn judge(case: &Case) -> (Verdict, Native) {
    let native = native(case);
    let verdict = match (&case.output, &native) {
        (Some(_), Native::Refused(_)) => Verdict::Refused,
        (Some(helm), Native::Output(native)) if same(case, helm, native) => Verdict::Equal,
        (Some(_), Native::Output(_)) => Verdict::Mismatch,
        (Some(_), Native::Failed(_)) => Verdict::Fails,
        (None, Native::Output(_)) => Verdict::Accepts,
        // The words of YAML errors are values of `fromYaml`.
        (None, Native::Failed(words)) if case.op == "yaml" && *words != case.error => {
            Verdict::Mismatch
        }
        (None, Native::Failed(_) | Native::Refused(_)) => Verdict::Equal,
    };
    (verdict, native)
}

fn same(case: &Case, helm: &str, native: &str) -> bool {
    if case.op == "yaml" {
        let [helm, native] = [helm, native].map(|text| serde_json::from_str::<Value>(text).ok());
        return helm.map(floats) == native.map(floats);
    }
    helm == native
}

/// Turns every number into the float that Helm reads.
fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(items) => items.into_iter().map(floats).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, floats(value)))
            .collect(),
        other => other,
    }
}

fn native(case: &Case) -> Native {
    let answer = match case.op.as_str() {
        "yaml" => match yaml::parse(&case.text) {
            Ok(value) => Ok(value.to_string()),
            Err(error) => Err(error
                .as_helm_says()
                .map_or_else(|| refused(&error), Native::Failed)),
        },
        "schema" => Schema::compile(case.text.as_bytes())
            .map_err(refused)
            .and_then(|schema| schema.validate(&case.values).map_err(failed))
            .map(|()| String::new()),
        "template" => template(case),
        "chart" => chart(case),
        op => panic!("unknown op {op}"),
    };
    answer.map_or_else(|other| other, Native::Output)
}

fn refused(error: impl Display) -> Native {
    Native::Refused(error.to_string())
}

fn failed(error: impl Display) -> Native {
    Native::Failed(error.to_string())
}

fn file(name: &str, text: &str) -> File {
    File {
        name: name.to_owned(),
        data: text.as_bytes().to_vec(),
    }
}

fn template(case: &Case) -> Result<String, Native> {
    let chart = Chart::from_files(vec![
        file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
        file("templates/NOTES.txt", &case.text),
    ])
    .unwrap();
    let program = Program::compile(&chart).map_err(refused)?;
    let values = match &case.values {
        Value::Null => Value::Object(Map::new()),
        values => values.clone(),
    };
    program.check_values(&values).map_err(refused)?;
    let rendered = program.render(&values, &release(), &Arc::default(), &Limits::default());
    Ok(rendered.map_err(failed)?.notes)
}

fn chart(case: &Case) -> Result<String, Native> {
    let files = case.files.iter().map(|(name, text)| file(name, text));
    let chart = Chart::from_files(files.collect()).map_err(refused)?;
    let program = Program::compile(&chart).map_err(refused)?;
    let schema = chart.schema.as_ref().map(|text| Schema::compile(text));
    let schema = schema.transpose().map_err(refused)?;
    let mut user = Map::new();
    for text in &case.user {
        values::lay_over(&mut user, values::parse(text).map_err(failed)?);
    }
    let defaults = chart.values.as_object().unwrap();
    let merged = Value::Object(values::coalesce(defaults, user));
    program.check_values(&merged).map_err(refused)?;
    if let Some(schema) = schema {
        schema.validate(&merged).map_err(failed)?;
    }
    crate::render(&program, &merged).map_err(failed)
}
