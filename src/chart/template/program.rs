//! A compiled chart, and its rendering to the manifest of a release. Pure.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value as Json;

use super::check;
use super::context;
use super::error::{CompileError, Problem, RenderError, RenderErrorKind};
use super::evaluate::State;
use super::functions::{self, Call};
use super::source::{self, Templates};
use super::value::{Value, break_cycles};
use super::{Capabilities, Limits, Release};
use crate::chart::manifest;
use crate::chart::{Chart, File, Metadata};

/// A chart whose templates are parsed and checked.
#[derive(Clone, Debug)]
pub struct Program {
    metadata: Metadata,
    files: Arc<Vec<File>>,
    templates: Arc<Templates>,
    /// Full names of the templates to run, in Helm's order.
    order: Arc<Vec<String>>,
}

/// The result of a rendering.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What Helm stores as the release's manifest; `helm template` prints it without surrounding white space.
    pub manifest: String,
    /// The rendered `NOTES.txt`, empty if there is none.
    pub notes: String,
    /// The objects of the manifest, in its order.
    pub documents: Vec<Document>,
    /// Objects that only `helm test` creates; they are not part of the manifest.
    pub tests: Vec<Document>,
}

/// One object of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The template it comes from, such as `flash-pod/templates/pod.yaml`.
    pub source: String,
    /// Its text.
    pub text: String,
    /// Its content.
    pub object: Json,
}

impl Program {
    /// Parses and checks every template of a chart.
    ///
    /// # Errors
    /// If anything in the chart is not rendered exactly by this engine, or refused by Helm too: all of it is listed.
    pub fn compile(chart: &Chart) -> Result<Self, CompileError> {
        let mut problems = unsupported(chart);
        let mut templates = Templates::default();
        let mut order: Vec<String> = Vec::new();
        for (name, file) in in_order(chart) {
            match std::str::from_utf8(&file.data) {
                Ok(text) => {
                    let parsed = source::parse(&name, text);
                    let found = match &parsed {
                        Ok(parsed) => check::check(parsed),
                        Err(error) => vec![(error.line, error.message.clone())],
                    };
                    problems.extend(
                        found
                            .into_iter()
                            .map(|(line, what)| problem(&file.name, line, what)),
                    );
                    problems.extend(hooks(file, text));
                    templates.add(parsed.unwrap_or_default());
                }
                Err(_) => problems.push(problem(&file.name, 0, "is no UTF-8 text")),
            }
            order.push(name);
        }
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            return Err(CompileError {
                chart: chart.metadata.name.clone(),
                problems,
            });
        }
        order.retain(|name| !base_name(name).starts_with('_'));
        Ok(Self {
            metadata: chart.metadata.clone(),
            files: Arc::clone(&chart.files),
            templates: Arc::new(templates),
            order: Arc::new(order),
        })
    }

    /// The same templates for a chart that says another `appVersion`: `.Chart.AppVersion` of the rendering.
    #[must_use]
    pub fn with_app_version(&self, version: &str) -> Self {
        Self {
            metadata: self.metadata.with_app_version(version),
            ..self.clone()
        }
    }

    /// Renders the chart with values that are already merged.
    ///
    /// # Errors
    /// If a template fails, a bound is reached, or the result is not what Helm accepts.
    pub fn render(
        &self,
        values: &Json,
        release: &Release,
        capabilities: &Arc<Capabilities>,
        limits: &Limits,
    ) -> Result<Rendered, RenderError> {
        self.check_kube_version(capabilities)?;
        // A stack of its own, as templates nest deeper than a worker's. Not a thread: to start one took an eighth of the time.
        let run = || self.run(values, release, capabilities, limits);
        let ended = catch_unwind(AssertUnwindSafe(|| stacker::grow(limits.stack, run)));
        let files = ended.map_err(|_| {
            let message = "the rendering panicked".to_owned();
            RenderError::new(RenderErrorKind::Internal, message)
        })??;
        manifest::assemble(&self.metadata.name, files)
    }

    fn check_kube_version(&self, capabilities: &Capabilities) -> Result<(), RenderError> {
        let Some(range) = self
            .metadata
            .kube_version
            .as_deref()
            .filter(|range| !range.is_empty())
        else {
            return Ok(());
        };
        let version = context::kube_version(&capabilities.kube_version);
        if accepts(range, &version, Limits::default()) {
            return Ok(());
        }
        let version = &capabilities.kube_version;
        let message = format!(
            "chart requires kubeVersion: {range} which is incompatible with Kubernetes {version}"
        );
        Err(RenderError::new(RenderErrorKind::KubeVersion, message))
    }

    /// Runs the templates; text by full name.
    fn run(
        &self,
        values: &Json,
        release: &Release,
        capabilities: &Arc<Capabilities>,
        limits: &Limits,
    ) -> Result<BTreeMap<String, String>, RenderError> {
        let root = context::root(&self.metadata, &self.files, values, release, capabilities);
        let mut state = State::new(Arc::clone(&self.templates), *limits);
        let base = format!("{}/templates", self.metadata.name);
        let mut rendered = BTreeMap::new();
        let mut failed = None;
        for name in self.order.iter() {
            root.insert("Template".into(), context::template(name, &base));
            match state.run(name, &Value::Dict(root.clone())) {
                Some(Ok(text)) => {
                    rendered.insert(name.clone(), text.replace("<no value>", ""));
                }
                Some(Err(error)) => {
                    failed = Some(*error);
                    break;
                }
                None => {}
            }
        }
        drop((root, state));
        break_cycles();
        failed.map_or(Ok(rendered), Err)
    }
}

/// Whether a version lies in a range, by the function that templates use for it.
fn accepts(range: &str, version: &str, limits: Limits) -> bool {
    let Some(function) = functions::lookup("semverCompare") else {
        return false;
    };
    let mut state = State::new(Arc::default(), limits);
    let mut call = Call {
        name: "semverCompare",
        state: &mut state,
    };
    let outcome = (function.body)(&mut call, &[Value::string(range), Value::string(version)]);
    matches!(outcome, Ok(Value::Bool(true)))
}

fn problem(file: &str, line: usize, what: impl Into<String>) -> Problem {
    Problem {
        file: file.to_owned(),
        line,
        what: what.into(),
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Templates with their full names, deepest first, as Helm parses and runs them: later definitions win.
fn in_order(chart: &Chart) -> Vec<(String, &File)> {
    let named = chart
        .templates
        .iter()
        .map(|file| (format!("{}/{}", chart.metadata.name, file.name), file));
    let mut named: Vec<_> = named.collect();
    named.sort_by(|(a, _), (b, _)| (b.matches('/').count(), b).cmp(&(a.matches('/').count(), a)));
    named
}

/// What this engine leaves to helm, by file.
fn unsupported(chart: &Chart) -> Vec<Problem> {
    let raw = &chart.metadata.raw;
    let mut problems = Vec::new();
    let dependencies = raw
        .get("dependencies")
        .and_then(Json::as_array)
        .is_some_and(|list| !list.is_empty());
    if dependencies {
        problems.push(problem("Chart.yaml", 0, "dependencies are not supported"));
    }
    if raw.get("type").and_then(Json::as_str) == Some("library") {
        problems.push(problem(
            "Chart.yaml",
            0,
            "a library chart cannot be installed",
        ));
    }
    for file in chart.files.iter() {
        let subchart = file
            .name
            .strip_prefix("charts/")
            .filter(|rest| !rest.starts_with(['_', '.']));
        let (name, what) = if let Some(rest) = subchart {
            let name = rest.split('/').next().unwrap_or(rest);
            (format!("charts/{name}"), "subcharts are not supported")
        } else if file.name.starts_with("crds/") {
            (
                file.name.clone(),
                "custom resource definitions are not supported",
            )
        } else if matches!(
            file.name.as_str(),
            "requirements.yaml" | "requirements.lock"
        ) {
            (file.name.clone(), "dependencies are not supported")
        } else {
            continue;
        };
        problems.push(problem(&name, 0, what));
    }
    problems.dedup();
    problems
}

/// Hooks other than tests would have to be run in order and waited for.
fn hooks(file: &File, text: &str) -> Vec<Problem> {
    const KEY: &str = "helm.sh/hook";
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let tail = &line[line.find(KEY)? + KEY.len()..];
        let rest = tail
            .strip_prefix(['"', '\''])
            .unwrap_or(tail)
            .trim_start()
            .strip_prefix(':')?;
        let events = rest.trim().trim_matches(['"', '\'']);
        let only_tests = events
            .split(',')
            .all(|event| matches!(event.trim(), "test" | "test-success"));
        (!only_tests).then(|| problem(&file.name, index + 1, "hooks are not supported"))
    });
    lines.collect()
}
