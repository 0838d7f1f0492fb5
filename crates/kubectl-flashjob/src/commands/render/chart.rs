//! A chart as it is: what `helm template` prints.

use std::path::Path;

use flashjob_operator::cli::terminal::Failure;
use helm_chart::{
    Chart,
    engine::{Document, Limits, Program, Release},
    schema::Schema,
    values::coalesce,
};
use serde_json::{Map, Value};

use super::{Render, values};

impl Render {
    /// The manifest of a chart with these values.
    pub(super) fn render_chart(&self, namespace: &str, path: &Path) -> Result<String, Failure> {
        let chart = Chart::load(path)?;
        let program = Program::compile_allowing(&chart, &self.settings.features())?;
        let defaults = chart.values.as_object().cloned().unwrap_or_else(Map::new);
        let values = Value::Object(coalesce(&defaults, values::merged(&self.values)?));
        if let Some(schema) = &chart.schema {
            Schema::compile(schema)?
                .validate(&values)
                .map_err(|error| format!("values.schema.json: {error}"))?;
        }
        let release = Release {
            name: self.name.clone(),
            namespace: namespace.to_owned(),
            revision: 1,
            is_install: true,
            is_upgrade: false,
        };
        let rendered = program.render(
            &values,
            &release,
            &self.capabilities()?.into(),
            &Limits::default(),
        )?;
        let hooks = rendered.hooks.iter().map(|hook| {
            let Document { source, text, .. } = &hook.document;
            format!("---\n# Source: {source}\n{text}\n")
        });
        Ok(format!(
            "{}\n{}",
            rendered.manifest.trim(),
            hooks.collect::<String>()
        ))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        render: Render,
    }

    fn render(arguments: &[&str]) -> Result<String, Failure> {
        let line = Line::parse_from([&["render"], arguments].concat());
        line.render
            .render_chart("default", line.render.chart.as_deref().expect("a chart"))
    }

    #[test]
    fn later_values_files_win_and_null_deletes() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(&path, text).expect("written");
            path.to_string_lossy().into_owned()
        };
        file("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
        file("c/values.yaml", "a: chart\nb: chart\n");
        file(
            "c/templates/x.yaml",
            "kind: X\nv: {{ .Values | toJson }}\nk: {{ .Capabilities.KubeVersion }}\n",
        );
        let chart = directory.path().join("c").to_string_lossy().into_owned();
        let (one, two) = (
            file("1.yaml", "a: one\n"),
            file("2.yaml", "a: two\nb: null\n"),
        );
        let text = render(&[
            "--chart",
            &chart,
            "-f",
            &one,
            "-f",
            &two,
            "--kube-version",
            "1.33",
        ])
        .expect("rendered");
        assert_eq!(
            text,
            "---\n# Source: c/templates/x.yaml\nkind: X\nv: {\"a\":\"two\"}\nk: v1.33.0\n"
        );
    }
}
