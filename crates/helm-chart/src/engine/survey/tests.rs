//! What no engine may render, and what only helm may, with what has to be allowed for it.

mod together;

use std::io::Write as _;
use std::sync::Arc;

use rstest::rstest;

use super::*;
use crate::engine::Program;

fn chart(files: &[(&str, &str)]) -> Chart {
    let file = |name: &str, data: &str| File {
        name: name.to_owned(),
        data: data.as_bytes().to_vec(),
    };
    let metadata = file("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n");
    let files = files.iter().map(|(name, data)| file(name, data));
    Chart::from_files(files.chain([metadata]).collect()).unwrap()
}

/// What keeps every engine from rendering the chart; none where helm or this engine may.
fn forbidden(chart: &Chart, allowed: &[Feature]) -> Option<String> {
    let allowed = allowed.iter().copied().collect();
    let error = Program::compile_allowing(chart, &allowed).err()?;
    Some(error.forbidden(&allowed)?.to_string())
}

const SUBCHART: (&str, &str) = (
    "charts/sub/Chart.yaml",
    "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
);

/// A use of each feature, and the words in which it is refused.
fn uses(feature: Feature) -> (Chart, &'static str) {
    match feature {
        Feature::Lookup => (
            chart(&[(
                "templates/a.yaml",
                "\na: {{ (lookup \"v1\" \"Secret\" \"x\" \"y\").data }}",
            )]),
            "templates/a.yaml:2: function \"lookup\" is not supported: reads the cluster while rendering",
        ),
        Feature::Hooks => (
            chart(&[(
                "templates/a.yaml",
                "metadata:\n  annotations:\n    helm.sh/hook: pre-install",
            )]),
            "templates/a.yaml:3: hooks are not supported",
        ),
        Feature::Subcharts => (
            chart(&[SUBCHART]),
            "charts/sub: subcharts are not supported",
        ),
        Feature::Crds => (
            chart(&[("crds/a.yaml", "kind: CustomResourceDefinition")]),
            "crds/a.yaml: custom resource definitions are not supported",
        ),
        Feature::Random => (
            chart(&[("templates/a.yaml", "a: {{ randAlphaNum 5 }}")]),
            "templates/a.yaml:1: function \"randAlphaNum\" is not supported: is different at every rendering",
        ),
        Feature::Tpl => (
            // Only helm has TOML.
            chart(&[(
                "templates/a.yaml",
                "a: {{ toToml . }}\nb: {{ tpl .Values.b . }}",
            )]),
            "templates/a.yaml:2: function \"tpl\" runs text that is not checked",
        ),
    }
}

#[test]
fn what_no_engine_may_render_is_refused_when_the_chart_is_loaded() {
    for feature in &Feature::ALL {
        let (chart, says) = uses(*feature);
        let refused = forbidden(&chart, &[]).unwrap_or_default();
        assert!(refused.contains(says), "{feature:?}: {refused}");
        let allow = format!("allow it with --chart-allow={}", feature.name());
        assert!(refused.contains(&allow), "{feature:?}: {refused}");
        let others = Feature::ALL.iter().filter(|other| *other != feature);
        let others: Vec<_> = others.copied().collect();
        assert!(
            forbidden(&chart, &others).is_some(),
            "{feature:?} is not what was allowed"
        );
        assert_eq!(
            forbidden(&chart, &[*feature]),
            None,
            "{feature:?} is allowed"
        );
    }
}

#[test]
fn where_definitions_of_kinds_are_put_up_with_this_engine_renders_the_chart() {
    let (chart, _) = uses(Feature::Crds);
    assert!(Program::compile(&chart).is_err());
    let allowed = [Feature::Crds].into_iter().collect();
    assert!(Program::compile_allowing(&chart, &allowed).is_ok());
}

#[rstest]
#[case::the_clock("{{ now }}", Feature::Random)]
#[case::a_date("{{ date \"2006\" .Values.x }}", Feature::Random)]
#[case::a_certificate("{{ genCA \"a\" 1 }}", Feature::Random)]
#[case::a_uuid("{{ if false }}{{ uuidv4 }}{{ end }}", Feature::Random)]
#[case::the_network("{{ getHostByName \"a\" }}", Feature::Lookup)]
#[case::in_a_definition(
    "{{ define \"x\" }}{{ lookup \"\" \"\" \"\" \"\" }}{{ end }}",
    Feature::Lookup
)]
#[case::as_an_argument("{{ print (lookup \"\" \"\" \"\" \"\") }}", Feature::Lookup)]
#[case::in_a_pipeline("{{ 5 | randAlpha }}", Feature::Random)]
// This engine's parser does not read these; helm reads the first of them.
#[case::where_only_helm_parses(
    "{{ if ($x := 1) }}{{ end }}{{ lookup \"\" \"\" \"\" \"\" }}",
    Feature::Lookup
)]
#[case::after_a_text_with_delimiters(
    "{{ if ($x := \"}}\") }}{{ end }} {{ lookup \"\" \"\" \"\" \"\" }}",
    Feature::Lookup
)]
#[case::over_several_lines("{{ if ($x := 1) }}{{ end }}{{ print\n (uuidv4) }}", Feature::Random)]
#[case::a_hook_by_expression(
    "a: {{ ($x := 1) }}\nhelm.sh/hook: {{ .Values.hook }}",
    Feature::Hooks
)]
fn however_it_is_written(#[case] template: &str, #[case] feature: Feature) {
    let chart = chart(&[("templates/a.yaml", template)]);
    let refused = forbidden(&chart, &[]).expect("it is refused");
    assert!(
        refused.contains(&format!("--chart-allow={}", feature.name())),
        "{refused}"
    );
}

#[rstest]
#[case::toml("{{ toToml .Values }}")]
#[case::a_duration("{{ duration 5 }}")]
#[case::what_this_engine_does_not_parse("now: lookup\na: {{ if ($x := 1) }}{{ end }}")]
fn what_only_helm_has_is_left_to_helm(#[case] template: &str) {
    let chart = chart(&[("templates/a.yaml", template)]);
    assert!(Program::compile(&chart).is_err());
    assert_eq!(forbidden(&chart, &[]), None);
}

#[test]
fn words_outside_of_actions_are_words() {
    let text = "# lookup and now\n# tpl\na: {{ .Values.lookup }}{{ .Values.now }}";
    assert!(Program::compile(&chart(&[("templates/a.yaml", text)])).is_ok());
}

#[rstest]
#[case::a_template(("charts/sub/templates/b.yaml", "{{ lookup \"\" \"\" \"\" \"\" }}"), "charts/sub/templates/b.yaml:1: function \"lookup\"")]
#[case::its_own_subchart(("charts/sub/charts/c/Chart.yaml", "name: c"), "charts/sub/charts/c: the subchart cannot be read: Chart.yaml: version is missing")]
#[case::a_hook(("charts/sub/templates/b.yaml", "\nhelm.sh/hook: post-delete"), "charts/sub/templates/b.yaml:2: hooks")]
#[case::a_schema_that_asks_the_network(("charts/sub/values.schema.json", r#"{"$ref": "http://example.org/x"}"#), "charts/sub: values.schema.json: : $ref to http://example.org/x")]
#[case::a_definition(("charts/sub/crds/a.yaml", ""), "charts/sub/crds/a.yaml: custom resource definitions")]
fn allowed_subcharts_are_looked_through(#[case] file: (&str, &str), #[case] says: &str) {
    let refused = forbidden(&chart(&[SUBCHART, file]), &[Feature::Subcharts]);
    let refused = refused.expect("it is refused");
    assert!(refused.contains(says), "{refused}");
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, format!("sub/{name}"), data.as_bytes())
            .unwrap();
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&archive.into_inner().unwrap()).unwrap();
    packed.finish().unwrap()
}

#[rstest]
#[case::packed(packed(&[("Chart.yaml", SUBCHART.1), ("templates/b.yaml", "{{ now }}")]), "charts/sub-1.tgz/templates/b.yaml:1: function \"now\"")]
#[case::damaged(b"nonsense".to_vec(), "charts/sub-1.tgz: the subchart cannot be read")]
fn packed_subcharts_are_unpacked(#[case] data: Vec<u8>, #[case] says: &str) {
    let mut chart = chart(&[]);
    let name = "charts/sub-1.tgz".to_owned();
    Arc::make_mut(&mut chart.files).push(File { name, data });
    let refused = forbidden(&chart, &[Feature::Subcharts]).expect("it is refused");
    assert!(refused.contains(says), "{refused}");
}
