//! A compiled chart, and its rendering to the manifest of a release. Pure.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value as Json;

use super::context;
use super::error::{CompileError, Problem, Remedy, RenderError, RenderErrorKind};
use super::evaluate::State;
use super::functions::{self, Call};
use super::octets;
use super::source::Templates;
use super::survey::{Readers, Survey};
use super::value::{Value, break_cycles};
use super::{Capabilities, Limits, Release};
use crate::feature::Features;
use crate::manifest;
use crate::{Chart, File, Metadata};

/// A chart whose templates are parsed and checked.
#[derive(Clone, Debug)]
pub struct Program {
    metadata: Metadata,
    files: Arc<Vec<File>>,
    templates: Arc<Templates>,
    /// Full names of the templates to run, in Helm's order.
    order: Arc<Vec<String>>,
    texts: Arc<Texts>,
}

/// What the templates do with texts that only a rendering knows.
#[derive(Debug)]
struct Texts {
    readers: Readers,
    /// Calls of `tpl`, which are problems where helm has to render.
    calls: Vec<Problem>,
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
    /// Objects that Helm creates at certain points of a release's life, in order; they are not part of the manifest.
    pub hooks: Vec<Hook>,
}

/// An object that is not part of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The object.
    pub document: Document,
    /// Whether only `helm test` creates it.
    pub is_test: bool,
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
    /// Parses and checks every template of a chart that may use nothing which has to be allowed.
    ///
    /// # Errors
    /// If anything in the chart is not rendered exactly by this engine, or refused by Helm too: all of it is listed.
    pub fn compile(chart: &Chart) -> Result<Self, CompileError> {
        Self::compile_allowing(chart, &Features::default())
    }

    /// The same where these features are allowed: what this engine needs not have for them is no problem then.
    ///
    /// # Errors
    /// As [`Program::compile`]. [`CompileError::forbidden`] says whether the helm engine may render it instead.
    pub fn compile_allowing(chart: &Chart, allowed: &Features) -> Result<Self, CompileError> {
        let mut survey = Survey::of(chart, allowed);
        let mut templates = Templates::default();
        let mut order: Vec<String> = Vec::new();
        let mut all = Vec::new();
        for (name, file) in in_order(chart) {
            let parsed = survey.template(&name, file);
            all.extend(parsed.iter().map(Arc::clone));
            templates.add(parsed);
            order.push(name);
        }
        let texts = Texts {
            readers: survey.together(chart, &all),
            calls: survey.calls_of_tpl(),
        };
        survey.concluded(&chart.metadata.name)?;
        order.retain(|name| !base_name(name).starts_with('_'));
        Ok(Self {
            metadata: chart.metadata.clone(),
            files: Arc::clone(&chart.files),
            templates: Arc::new(templates),
            order: Arc::new(order),
            texts: Arc::new(texts),
        })
    }

    /// Whether this engine renders the chart with these values, which are already merged: it does not have every function that a
    /// text for `tpl` may call. A text counts wherever it stands, so that more may be refused than would be met.
    ///
    /// # Errors
    /// What the values contain, by path. As with the errors of [`Program::compile`], the helm engine may render it instead.
    pub fn check_values(&self, values: &Json) -> Result<(), CompileError> {
        let Texts { readers, calls } = &*self.texts;
        let found = readers.of_values(values);
        if found.is_empty() {
            return Ok(());
        }
        let problems = found.into_iter().map(|(path, what)| Problem {
            file: "values".to_owned(),
            line: 0,
            what: format!("{path}: {what}"),
            remedy: Remedy::Helm,
        });
        Err(CompileError {
            chart: self.metadata.name.clone(),
            problems: problems.chain(calls.iter().cloned()).collect(),
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
                    let text = text.replace("<no value>", "");
                    let notes = name.ends_with("NOTES.txt");
                    let valid = notes.then(|| octets::replaced(&text).into_owned());
                    if let Some(text) = valid.or_else(|| octets::left(text)) {
                        rendered.insert(name.clone(), text);
                    } else {
                        let message = format!("{name}: YAML parse error: the text is not UTF-8");
                        failed = Some(RenderError::new(RenderErrorKind::Document, message));
                        break;
                    }
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

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Templates with their full names, deepest first, as Helm parses and runs them: later definitions win.
pub(super) fn in_order(chart: &Chart) -> Vec<(String, &File)> {
    let named = chart
        .templates
        .iter()
        .map(|file| (format!("{}/{}", chart.metadata.name, file.name), file));
    let mut named: Vec<_> = named.collect();
    named.sort_by(|(a, _), (b, _)| (b.matches('/').count(), b).cmp(&(a.matches('/').count(), a)));
    named
}
