//! What of a chart this engine does not render, and what no engine may render unless it is allowed. Pure.
//!
//! Called by `program` when a chart is compiled. Where subcharts are allowed, they are looked through, too.

mod files;
mod hooks;
mod texts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use self::hooks::hooks;
use super::check::{self, Finding, Findings};
use super::error::{CompileError, Problem, Remedy};
use super::functions;
use super::octets;
use super::program::in_order;
use super::source::{self, Template};
use crate::feature::{Feature, Features};
use crate::schema::Schema;
use crate::{Chart, File};

pub(super) use texts::Readers;

/// Charts within charts that are looked through.
const MAX_CHART_DEPTH: usize = 8;

/// What was found so far.
pub(super) struct Survey<'a> {
    allowed: &'a Features,
    problems: Vec<Problem>,
    /// Calls of `tpl`, which are problems only where helm has to render.
    dynamic: Vec<Problem>,
}

impl<'a> Survey<'a> {
    /// Looks at everything of a chart but its own templates.
    pub(super) fn of(chart: &Chart, allowed: &'a Features) -> Self {
        let mut survey = Self {
            allowed,
            problems: Vec::new(),
            dynamic: Vec::new(),
        };
        if chart.metadata.raw.get("type").and_then(Json::as_str) == Some("library") {
            let what = "a library chart cannot be installed";
            survey.add("Chart.yaml", what, Remedy::Change);
        }
        survey.parts(chart, "", 0);
        survey
    }

    /// Parses and checks one template of the chart.
    pub(super) fn template(&mut self, name: &str, file: &File) -> Vec<Arc<Template>> {
        let (parsed, findings) = read(name, file);
        self.take(&file.name, findings);
        parsed
    }

    /// Looks at all templates of the chart together, and at the texts that they may read. What they may read of values.
    pub(super) fn together(&mut self, chart: &Chart, templates: &[Arc<Template>]) -> Readers {
        let shown = check::shown(templates, |template| template.name == template.source.name);
        let (readers, mut found) = texts::of_templates(templates, files::of_all(&chart.files));
        found.extend(shown);
        found.extend(files::of_one_base_name(templates, &chart.files));
        for (name, finding) in found {
            let within = name.strip_prefix(&chart.metadata.name);
            let file = within.and_then(|name| name.strip_prefix('/'));
            let mut findings = Findings::default();
            findings.problems.push(finding);
            self.take(file.unwrap_or(&name), findings);
        }
        for (path, what) in readers.of_values(&chart.values) {
            self.add("values.yaml", format!("{path}: {what}"), Remedy::Helm);
        }
        for file in chart.files.iter() {
            for what in readers.of_file(&String::from_utf8_lossy(&file.data)) {
                self.add(&file.name, what, Remedy::Helm);
            }
        }
        self.problems.dedup();
        readers
    }

    /// Calls of `tpl`.
    pub(super) fn calls_of_tpl(&self) -> Vec<Problem> {
        self.dynamic.clone()
    }

    /// Whether this engine renders the chart.
    ///
    /// # Errors
    /// Why it does not, by file and line.
    pub(super) fn concluded(self, chart: &str) -> Result<(), CompileError> {
        let Self {
            mut problems,
            dynamic,
            ..
        } = self;
        if problems.is_empty() {
            return Ok(());
        }
        problems.extend(dynamic);
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(CompileError {
            chart: chart.to_owned(),
            problems,
        })
    }

    fn add(&mut self, file: &str, what: impl Into<String>, remedy: Remedy) {
        self.problems.push(Problem {
            file: file.to_owned(),
            line: 0,
            what: what.into(),
            remedy,
        });
    }

    fn take(&mut self, file: &str, findings: Findings) {
        let problem = |finding: Finding| Problem {
            file: file.to_owned(),
            line: finding.line,
            what: finding.what,
            remedy: finding.feature.map_or(Remedy::Helm, Remedy::Allow),
        };
        self.problems
            .extend(findings.problems.into_iter().map(problem));
        self.dynamic
            .extend(findings.dynamic.into_iter().map(problem));
    }

    /// Dependencies, subcharts and definitions of kinds. `at` is the path of this chart in the outermost one.
    fn parts(&mut self, chart: &Chart, at: &str, depth: usize) {
        let dependencies = chart.metadata.raw.get("dependencies");
        let subcharts = Remedy::Allow(Feature::Subcharts);
        if dependencies
            .and_then(Json::as_array)
            .is_some_and(|list| !list.is_empty())
        {
            let file = format!("{at}Chart.yaml");
            self.add(&file, "dependencies are not supported", subcharts);
        }
        for file in chart.files.iter() {
            let path = format!("{at}{}", file.name);
            if matches!(
                file.name.as_str(),
                "requirements.yaml" | "requirements.lock"
            ) {
                self.add(&path, "dependencies are not supported", subcharts);
            } else if file.name.starts_with("crds/") && !self.allowed.allow(Feature::Crds) {
                let what = "custom resource definitions are not supported";
                self.add(&path, what, Remedy::Allow(Feature::Crds));
            }
        }
        for (name, files) in inner(chart) {
            let place = format!("{at}charts/{name}");
            self.add(&place, "subcharts are not supported", subcharts);
            if self.allowed.allow(Feature::Subcharts) {
                self.within(&files, &place, depth + 1);
            }
        }
    }

    /// Looks through a subchart. What cannot be looked through is refused: nobody knows what helm would make of it.
    fn within(&mut self, files: &Inner<'_>, place: &str, depth: usize) {
        if depth > MAX_CHART_DEPTH {
            return self.add(place, "subcharts are nested too deeply", Remedy::Change);
        }
        let chart = match files.load() {
            Ok(chart) => chart,
            Err(error) => return self.add(place, error, Remedy::Change),
        };
        let at = format!("{place}/");
        if let Some(error) = chart
            .schema
            .as_deref()
            .and_then(|text| Schema::compile(text).err())
        {
            self.add(place, error.to_string(), Remedy::Change);
        }
        self.parts(&chart, &at, depth);
        for (name, file) in in_order(&chart) {
            let (_, findings) = read(&name, file);
            self.take(&format!("{at}{}", file.name), findings);
        }
    }
}

/// The files of one subchart: a folder, or an archive.
enum Inner<'a> {
    Folder(Vec<File>),
    Archive(&'a [u8]),
}

impl Inner<'_> {
    fn load(&self) -> Result<Chart, String> {
        let loaded = match self {
            Self::Folder(files) => Chart::from_files(files.clone()),
            Self::Archive(data) => Chart::from_archive(*data),
        };
        loaded.map_err(|error| format!("the subchart cannot be read: {error}"))
    }
}

/// The subcharts of a chart by name, as Helm tells them from other files.
fn inner(chart: &Chart) -> BTreeMap<&str, Inner<'_>> {
    let mut found = BTreeMap::new();
    for file in chart.files.iter() {
        let Some(rest) = file
            .name
            .strip_prefix("charts/")
            .filter(|rest| !rest.starts_with(['_', '.']))
        else {
            continue;
        };
        if let Some((name, path)) = rest.split_once('/') {
            let folder = found
                .entry(name)
                .or_insert_with(|| Inner::Folder(Vec::new()));
            if let Inner::Folder(files) = folder {
                files.push(File {
                    name: path.to_owned(),
                    data: file.data.clone(),
                });
            }
        } else if Path::new(rest)
            .extension()
            .is_some_and(|extension| extension == "tgz")
        {
            found.insert(rest, Inner::Archive(&file.data));
        }
    }
    found
}

/// Parses one template and looks through it.
fn read(name: &str, file: &File) -> (Vec<Arc<Template>>, Findings) {
    let Ok(text) = std::str::from_utf8(&file.data) else {
        let mut findings = unread(&String::from_utf8_lossy(&file.data));
        let what = "is not UTF-8 text".to_owned();
        findings.problems.push(Finding::new(0, what));
        return (Vec::new(), findings);
    };
    let text = &octets::entered(text);
    let (parsed, mut findings) = match source::parse(name, text) {
        Ok(parsed) => {
            let findings = check::check(&parsed);
            (parsed, findings)
        }
        Err(error) => {
            let mut findings = unread(text);
            findings
                .problems
                .push(Finding::new(error.line, error.message));
            (Vec::new(), findings)
        }
    };
    let hooks = match parsed.last() {
        Some(template) => hooks(&template.source.without_comments()),
        None => hooks(text),
    };
    findings.problems.extend(hooks);
    (parsed, findings)
}

/// What a text that this engine cannot parse may use: helm might read it. Every word after its first action counts.
fn unread(text: &str) -> Findings {
    let mut findings = Findings::default();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let actions = if inside {
            Some(line)
        } else {
            line.find("{{").map(|start| &line[start..])
        };
        inside |= actions.is_some();
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        for word in actions.unwrap_or_default().split(|c| !is_part(c)) {
            let refused = functions::refused(word);
            if let Some(refused) = refused.filter(|refused| refused.feature.is_some()) {
                let finding = check::unsupported(index + 1, word, refused);
                findings.problems.push(finding);
            } else if word == "tpl" {
                findings.dynamic.push(check::runs_text(index + 1));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
