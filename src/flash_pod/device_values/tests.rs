use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

#[path = "docs_tests.rs"]
mod docs;

fn context() -> DeviceContext {
    let text = |text: &str| text.to_owned();
    DeviceContext {
        device: DeviceFacts {
            uuid: text("d95c7c2d"),
            endpoint: text("192.0.2.31:8080"),
            address: text("192.0.2.31"),
            kind: text("esp32s3"),
            application_type: text("thermo"),
            version: text("0.1.0"),
            nodes: vec![text("edge-a"), text("edge-b")],
            configuration: text("http-range"),
            properties: [
                ("ZONE", "west"),
                ("A-B", "dash"),
                ("EMPTY", ""),
                ("EVIL", "{{ job.uid }}\nx: 1"),
            ]
            .map(|(key, value)| (text(key), text(value)))
            .into(),
        },
        job: JobFacts {
            name: text("rollout"),
            namespace: text("fleet"),
            uid: text("1f0b"),
            firmware: text("registry.example.org/thermo:2"),
            version: text("0.2.0"),
        },
        release: ReleaseFacts {
            name: text("flash-d95c7c2d"),
            attempt: text("k3v9x0q2ab"),
        },
    }
}

fn compile(document: Value) -> Result<DeviceValues, DeviceValuesError> {
    DeviceValues::from_document(document, "device-values.yaml")
}

fn render(leaf: &str) -> Result<Value, RenderError> {
    let rendered = compile(json!({"a": {"b": leaf}}))
        .unwrap()
        .render(&context())?;
    Ok(rendered["a"]["b"].clone())
}

#[rstest]
#[case("plain", json!("plain"))]
#[case("{{ job.firmware }}", json!("registry.example.org/thermo:2"))]
#[case("{{device.type}}", json!("esp32s3"))]
#[case("{{- device.nodes -}}", json!(["edge-a", "edge-b"]))]
#[case("{{ device.nodes[1] }}", json!("edge-b"))]
#[case("{{ device.properties }}", json!({"ZONE": "west", "A-B": "dash", "EMPTY": "", "EVIL": "{{ job.uid }}\nx: 1"}))]
#[case("{{ device.properties['A-B'] }}", json!("dash"))]
#[case("{{ device.properties.ZONE }}", json!("west"))]
#[case(" {{ device.nodes | first }}", json!(" edge-a"))]
#[case("{{ device.properties.EVIL }}", json!("{{ job.uid }}\nx: 1"))]
#[case("<{{ device.properties.EVIL }}>", json!("<{{ job.uid }}\nx: 1>"))]
#[case("{{ device.uuid }}-{{ release.attempt }}", json!("d95c7c2d-k3v9x0q2ab"))]
#[case("{{ device.properties.NOPE | default(value='x') }}", json!("x"))]
#[case("{% if device.properties.NOPE is defined %}a{% elif job.name == 'rollout' %}b{% else %}c{% endif %}", json!("b"))]
#[case("{{ device.endpoint | split(pat=':') | first | replace(from='.', to='-') }}", json!("192-0-2-31"))]
#[case("{{ device.nodes | join(sep=',') }}", json!("edge-a,edge-b"))]
#[case("{{ 'a' if device.properties.EMPTY else 'b' }}", json!("b"))]
#[case("{{ device.properties[device.type] | default(value=job.namespace) }}", json!("fleet"))]
#[case("{# a note #}{{ job.version }}", json!("0.2.0"))]
#[case("{{ '{{' }} & <b>", json!("{{ & <b>"))]
#[case("{{ job.name ~ '/for x in ' ~ job.uid }}", json!("rollout/for x in 1f0b"))]
fn a_template_yields_its_value(#[case] leaf: &str, #[case] expected: Value) {
    assert_eq!(render(leaf).unwrap(), expected);
}

#[rstest]
#[case("{{ devices.uuid }}", "unknown variable devices.uuid")]
#[case(
    "{{ device.uid }}",
    "unknown variable device.uid: device has uuid, endpoint"
)]
#[case("{{ device.uuid.x }}", "unknown variable device.uuid.x")]
#[case("{{ device }}", "unknown variable device:")]
#[case("{{ device[job.name] }}", "unknown variable device:")]
#[case("{{ job.nope | default(value=1) }}", "unknown variable job.nope")]
#[case(
    "{% if release.revision %}{% endif %}",
    "unknown variable release.revision: release has name, attempt"
)]
#[case("{{ __tera_context }}", "unknown variable __tera_context")]
#[case("{{ loop.index }}", "unknown variable loop.index")]
#[case(
    "{% for n in device.nodes %}{{ n }}{% endfor %}",
    "{% for %} is not allowed"
)]
#[case(
    "{%- for n in device.nodes -%}{%- endfor -%}",
    "{% for %} is not allowed"
)]
#[case("{{ [n for n in device.nodes] }}", "loops")]
#[case("{% set x = 1 %}", "{% set %}")]
#[case("{% set_global x = 1 %}", "{% set_global %}")]
#[case("{% include '/a' %}", "{% include %}")]
#[case("{% import 'x' as x %}", "{% import %}")]
#[case("{% extends '/a' %}", "{% extends %}")]
#[case("{% macro x() %}{% endmacro %}", "{% macro %}")]
#[case("{% block x %}{% endblock %}", "{% block %}")]
#[case("{% filter upper %}{% endfilter %}", "{% filter %}")]
#[case("{% raw %}{{ x }}{% endraw %}", "{% raw %}")]
#[case("{% component x() %}{% endcomponent %}", "{% component %}")]
#[case("{{ <x/> }}", "unknown variable x")]
#[case("{{ <device.uuid/> }}", "`/` is not allowed")]
#[case("{{ 'a' <job.name(/> }}", "`/` is not allowed")]
#[case("{{ range(end=9) }}", "function range")]
#[case("{{ get_env(name='HOME') }}", "function get_env")]
#[case("{{ now() }}", "function now")]
#[case("{{ job.name | indent(width=9) }}", "filter indent")]
#[case("{{ job.name | nope }}", "filter nope")]
#[case("{{ {'a': 1} }}", "`{` is not allowed")]
#[case("{{ job.name", "not closed")]
#[case("{{ 'job }}", "string is not closed")]
#[case("{{ }}", "")]
#[case("{{ job.name is nope }}", "nope")]
#[case("{% if job.name %}", "")]
fn a_template_that_does_more_is_refused_when_it_is_loaded(#[case] leaf: &str, #[case] why: &str) {
    let message = compile(json!({"a": {"b": ["x", leaf]}}))
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("device-values.yaml: /a/b/1: "),
        "{message}"
    );
    assert!(message.contains(why), "{message}");
}

#[rstest]
#[case(
    "{{ device.properties.NOPE }}",
    Some("device.properties.NOPE"),
    "not set"
)]
#[case("{{ device.nodes[7] }}", Some("device.nodes[7]"), "not set")]
#[case(
    "x{{ device.properties['N O'] }}",
    Some("device.properties[\"N O\"]"),
    ""
)]
#[case("{{ throw(message='no zone') }}", None, "no zone")]
#[case("{{ device.nodes + 1 }}", None, "")]
#[case("{{ 1 / 0 }}", None, "")]
fn an_error_names_file_key_and_variable(
    #[case] leaf: &str,
    #[case] variable: Option<&str>,
    #[case] why: &str,
) {
    let error = render(leaf).unwrap_err();
    assert_eq!(error.file, "device-values.yaml");
    assert_eq!(error.path.to_string(), "/a/b");
    assert_eq!(error.variable.as_deref(), variable, "{error}");
    assert!(error.message.contains(why), "{error}");
}

#[test]
fn all_refused_templates_are_listed_and_keys_are_not_templates() {
    let error = compile(json!({"a": "{{ x }}", "b": "{% for %}", "{{ c }}": 1})).unwrap_err();
    let DeviceValuesError::Leaves { problems, .. } = &error else {
        panic!("{error}")
    };
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem.path.to_string())
        .collect();
    assert_eq!(places, ["/a", "/b", "/{{ c }}"]);
}

#[test]
fn yaml_keeps_its_types_and_its_structure() {
    let values = DeviceValues::compile(
        "num: 3\nb: true\nempty: {}\nnone: null\nlist: [1, '{{ job.name }}']\n# {{ not.read }}\n",
        "f.yaml",
    );
    assert_eq!(
        Value::Object(values.unwrap().render(&context()).unwrap()),
        json!({"num": 3, "b": true, "empty": {}, "none": null, "list": [1, "rollout"]})
    );
}

#[rstest]
#[case("a: [", "f.yaml: cannot be read as YAML: line 2, column 1: ")]
#[case(
    "a:\n  b: {{ device.type }} lamp\n",
    "f.yaml: cannot be read as YAML: line 2, column 24: "
)]
#[case("[1]", "f.yaml: must be a map")]
#[case("text", "f.yaml: must be a map")]
fn other_documents_are_refused(#[case] text: &str, #[case] message: &str) {
    assert!(
        DeviceValues::compile(text, "f.yaml")
            .unwrap_err()
            .to_string()
            .starts_with(message)
    );
}

#[test]
fn endless_nesting_is_refused_without_a_stack_overflow() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("a: {}{}", open.repeat(50_000), close.repeat(50_000));
        assert!(DeviceValues::compile(&text, "f.yaml").is_err());
        let text = format!("a: {}", open.repeat(50_000));
        assert!(DeviceValues::compile(&text, "f.yaml").is_err());
    }
}

#[test]
fn an_empty_document_sets_nothing() {
    for text in ["", "# nothing\n", "{}"] {
        assert_eq!(
            DeviceValues::compile(text, "f.yaml").unwrap().paths(),
            [],
            "{text:?}"
        );
    }
}

#[test]
fn results_are_bounded() {
    let mut context = context();
    context
        .device
        .properties
        .insert("BIG".into(), "x".repeat(1000));
    let doubled = "{{ device.properties.BIG | replace(from='', to=device.properties.BIG) }}";
    let joined = "{{ device.properties.BIG | split(pat='') | join(sep=device.properties.BIG) }}";
    for leaf in [doubled, joined] {
        let error = compile(json!({"a": leaf}))
            .unwrap()
            .render(&context)
            .unwrap_err();
        assert!(error.message.contains(tera::TOO_LARGE), "{error}");
    }
    context
        .device
        .properties
        .insert("BIG".into(), "x".repeat(100_000));
    for leaf in [
        "{{ device.properties.BIG }}",
        "{{ device.properties.BIG }}.",
    ] {
        compile(json!({"l": [leaf, leaf]}))
            .unwrap()
            .render(&context)
            .unwrap();
        let error = compile(json!({"l": [leaf, leaf, leaf]}))
            .unwrap()
            .render(&context)
            .unwrap_err();
        assert_eq!(error.message, tera::TOO_LARGE);
    }
}

#[test]
fn paths_are_those_of_the_document_whatever_the_device() {
    let values =
        compile(json!({"a": "{{ device.properties }}", "b": {"c": ["{{ job.uid }}"], "d": {}}}));
    let paths: Vec<_> = values
        .unwrap()
        .paths()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, ["/a", "/b/c", "/b/d"]);
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"(\{\{|\{%|\{#|%\}|\}\}|#\}|-|for|if|endif|device|job|\.|uuid|name|\[|\]|'|"|\||default|in| |\(|\)|=|raw|endraw|\\|é|1){0,14}"#) {
        if let Ok(values) = compile(json!({"a": text})) {
            let _ = values.render(&context());
        }
    }

    #[test]
    fn values_of_the_device_arrive_unchanged(value in ".*") {
        let mut context = context();
        context.device.properties.insert("P".into(), value.clone());
        let values = compile(json!({"a": "{{ device.properties.P }}", "b": "<{{ device.properties.P }}>"}));
        let rendered = values.unwrap().render(&context).unwrap();
        prop_assert_eq!(&rendered["a"], &json!(value));
        prop_assert_eq!(&rendered["b"], &json!(format!("<{value}>")));
    }
}
