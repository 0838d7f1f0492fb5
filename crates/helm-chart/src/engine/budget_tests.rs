//! Every function at its worst: what it is charged grows with what it makes and with what it looks at, and it ends. Nothing here is timed.

mod worst;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use self::worst::{WORST, Work};
use super::call::work;
use super::evaluate::State;
use super::functions::{self, Call, FunctionError};
use super::source::{self, Templates};
use super::value::{Entries, Value};
use super::*;

#[test]
fn every_function_has_a_worst_case() {
    let known: BTreeSet<_> = functions::names().collect();
    let listed: BTreeSet<_> = WORST.iter().map(|(_, name, _)| *name).collect();
    let missing: Vec<_> = known.difference(&listed).collect();
    assert!(missing.is_empty(), "say what is the worst for {missing:?}");
    let gone: Vec<_> = listed.difference(&known).collect();
    assert!(gone.is_empty(), "there is no {gone:?}");
}

/// The arguments of that size, by the word that stands for them in the table.
fn large(n: usize) -> BTreeMap<&'static str, Value> {
    let text = || Value::string("ab".repeat(n / 2));
    let texts = || {
        Value::list(
            (0..n / 8)
                .map(|index| Value::string(format!("t{index:07}")))
                .collect(),
        )
    };
    let one = |key: &str, value| Value::dict(Entries::from([(key.into(), value)]));
    let map: Entries = (0..n / 16)
        .map(|index| (format!("k{index:07}").into(), Value::Bool(true)))
        .collect();
    let json = format!("{{{}\"z\":1}}", "\"a\":1,".repeat(n / 6));
    let digits = "MFRGGZDF".repeat(n / 8);
    BTreeMap::from([
        ("T", text()),
        ("T2", text()),
        ("T+", Value::string("ab".repeat(n / 2 + 8))),
        (".T", Value::string(format!(".{}", "a".repeat(n)))),
        ("S", Value::string("a /".repeat(n / 3))),
        ("L", texts()),
        ("L2", texts()),
        ("D", Value::dict(map)),
        ("{}", Value::dict(Entries::new())),
        ("{L}", one("a", texts())),
        ("{T}", one("path", text())),
        ("J", Value::string(&json)),
        ("[J]", Value::string(format!("[{}1]", "1,".repeat(n / 2)))),
        ("Y", Value::string("a: &a [b, c]\n".to_owned() + &keys(n))),
        ("N", Value::Int(i64::try_from(n).unwrap())),
        ("B32", Value::string(&digits)),
        ("B64", Value::string("YWJj".repeat(n / 4))),
    ])
}

/// Lines of YAML.
fn keys(n: usize) -> String {
    let lines: Vec<_> = (0..n / 12)
        .map(|index| format!("k{index:05}: *a"))
        .collect();
    lines.join("\n")
}

fn arguments(words: &str, large: &BTreeMap<&str, Value>) -> Vec<Value> {
    let value = |word: &str| match (large.get(word), word) {
        (Some(value), _) => value.clone(),
        (None, "true") => Value::Bool(true),
        (None, ".") => Value::dict(Entries::new()),
        (None, number) if number.parse::<i64>().is_ok() => Value::Int(number.parse().unwrap()),
        (None, quoted) => Value::string(quoted.trim_matches('"')),
    };
    words.split_whitespace().map(value).collect()
}

/// The bytes of a value that are not those of the arguments: text, elements, entries.
fn fresh(value: &Value, known: &mut HashSet<*const u8>) -> usize {
    match value {
        Value::String(text) if known.insert(text.as_ptr()) => text.len(),
        Value::List(list) if list.kind() == value::ListType::Bytes => 0,
        Value::List(list) if known.insert(list.items().as_ptr().cast()) => {
            let items = list
                .items()
                .iter()
                .map(|item| fresh(item, known))
                .sum::<usize>();
            items + list.len() * size_of::<Value>()
        }
        Value::Dict(dict) => {
            let entries = dict.entries();
            let inner = entries.iter().map(|(key, value)| {
                let key = if known.insert(key.as_ptr()) {
                    key.len()
                } else {
                    0
                };
                key + size_of::<(std::rc::Rc<str>, Value)>() + fresh(value, known)
            });
            inner.sum()
        }
        _ => 0,
    }
}

/// What one call of a function is charged, and what it made.
fn call(name: &'static str, words: &str, n: usize) -> ((u64, usize), usize) {
    let mut templates = Templates::default();
    templates.add(source::parse("t", "{{ . }}").unwrap());
    let mut state = State::new(Arc::new(templates), Limits::default());
    let arguments = arguments(words, &large(n));
    let mut known = HashSet::new();
    for argument in &arguments {
        fresh(argument, &mut known);
    }
    state.spend(work(&arguments)).unwrap();
    let function = functions::lookup(name).unwrap();
    let call = &mut Call {
        name,
        state: &mut state,
    };
    let made = match (function.body)(call, &arguments) {
        Ok(value) => fresh(&value, &mut known),
        Err(FunctionError::Message(_) | FunctionError::Render(_)) => 0,
    };
    (state.charged(), made)
}

/// Functions that the evaluator itself has.
const JUNCTIONS: [&str; 2] = ["and", "or"];

fn called() -> impl Iterator<Item = (Work, &'static str, &'static str)> {
    let rows = WORST.iter().copied();
    rows.filter(|(_, name, _)| !JUNCTIONS.contains(name))
}

#[test]
fn what_a_function_makes_was_charged() {
    for (_, name, words) in called() {
        let ((_, charged), made) = call(name, words, 4_800);
        assert!(
            charged + 2 * ENTRY >= made,
            "{name} {words}: {charged} charged, {made} made"
        );
    }
}

#[test]
fn what_a_function_looks_at_or_makes_is_charged_in_proportion() {
    let weight = |(steps, size): (u64, usize)| usize::try_from(steps).unwrap() * 64 + size;
    for (work, name, words) in called() {
        let (small, large) = (call(name, words, 480), call(name, words, 4_800));
        let more = weight(large.0) - weight(small.0);
        match work {
            // A byte in eight, at the least.
            Work::All | Work::Runs => {
                assert!(more >= 4_320 / 8, "{name} {words}: {small:?}, {large:?}");
            }
            Work::Bounded => assert!(large.1 <= 2 * ENTRY, "{name} {words} makes {}", large.1),
        }
    }
}

/// A chart that calls a function again and again, with arguments that keep it busy.
fn endless(words: &str, name: &str) -> String {
    let variable = |word: &str| match word {
        "T" | "T2" => "$t".to_owned(),
        "T+" => "(print $t \"xxxxxxxx\")".to_owned(),
        ".T" => "(print \".\" $t)".to_owned(),
        "S" => "$s".to_owned(),
        "L" | "L2" => "$l".to_owned(),
        "D" => "$d".to_owned(),
        "{}" => "(dict)".to_owned(),
        "{L}" => "(dict \"a\" $l)".to_owned(),
        "{T}" => "(dict \"path\" $t)".to_owned(),
        "J" | "Y" => "$j".to_owned(),
        "[J]" => "$a".to_owned(),
        "N" => "40000".to_owned(),
        "B32" | "B64" => "$b".to_owned(),
        other => other.to_owned(),
    };
    let arguments: Vec<_> = words.split_whitespace().map(variable).collect();
    format!(
        "{{{{ define \"t\" }}}}{{{{ . }}}}{{{{ end }}}}{{{{ $t := .Values.t }}}}{{{{ $s := .Values.s }}}}{{{{ $l := .Values.l }}}}\
         {{{{ $d := .Values.d }}}}{{{{ $j := .Values.j }}}}{{{{ $a := .Values.a }}}}{{{{ $b := .Values.b }}}}\
         {{{{ range 100000000 }}}}{{{{ $x := {name} {} }}}}{{{{ end }}}}",
        arguments.join(" ")
    )
}

#[test]
fn every_function_at_its_worst_ends_in_an_error() {
    let n = 40_000;
    let map: serde_json::Map<_, _> = (0..n / 16)
        .map(|index| (format!("k{index}"), json!(index)))
        .collect();
    let values = json!({
        "t": "ab".repeat(n / 2), "s": "a /".repeat(n / 3), "b": "YWJjYWJj".repeat(n / 8),
        "l": (0..n / 8).map(|index| format!("{index}")).collect::<Vec<_>>(),
        "j": serde_json::Value::Object(map.clone()).to_string(), "a": format!("[{}1]", "1,".repeat(n / 2)), "d": map,
    });
    let limits = Limits {
        steps: 20_000,
        size: 2 << 20,
        ..Limits::default()
    };
    for (_, name, words) in WORST {
        let error = render(&endless(words, name), &values, &limits).expect_err(name);
        match error.kind {
            RenderErrorKind::Bound(Bound::Steps | Bound::Size) => {}
            // It does not take these arguments, or ends the rendering on purpose.
            RenderErrorKind::Evaluation | RenderErrorKind::Chart => assert!(
                [
                    "call", "fail", "divf", "b32dec", "b64dec", "mod", "div", "unset", "dig"
                ]
                .contains(name),
                "{name}: {error}"
            ),
            _ => panic!("{name}: {error}"),
        }
    }
}

fn render(
    template: &str,
    values: &serde_json::Value,
    limits: &Limits,
) -> Result<Rendered, RenderError> {
    let file = |name: &str, text: &str| crate::File {
        name: name.to_owned(),
        data: text.as_bytes().to_vec(),
    };
    let chart = crate::Chart::from_files(vec![
        file("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n"),
        file("templates/NOTES.txt", template),
        file("large.txt", &"line\n".repeat(50_000)),
    ]);
    let program = Program::compile(&chart.unwrap()).unwrap();
    let release = Release {
        name: "flash-1".into(),
        namespace: "lab".into(),
        revision: 1,
        is_install: true,
        is_upgrade: false,
    };
    program.render(values, &release, &Arc::default(), limits)
}

#[rstest]
#[case::the_finding(
    "{{ range until 4000000 }}{{ regexMatch \"(a{100}){100}\" \"b\" }}{{ end }}",
    Bound::Size
)]
#[case::elements_are_no_bytes("{{ $l := until 400000 }}{{ $m := until 400000 }}", Bound::Size)]
#[case::a_map_that_grows(
    "{{ $d := dict }}{{ range 10000000 }}{{ $_ := set $d (toString .) . }}{{ end }}",
    Bound::Steps
)]
#[case::a_list_that_grows(
    "{{ $l := list }}{{ range 10000000 }}{{ $l = append $l . }}{{ end }}",
    Bound::Size
)]
#[case::patterns(
    "{{ range 1000000 }}{{ regexMatch (print \"(\\\\pL{4})\" .) \"b\" }}{{ end }}",
    Bound::Size
)]
#[case::groups_that_capture(
    "{{ $p := repeat 2000 \"(a|b)\" }}{{ regexReplaceAll $p (repeat 100000 \"a\") \"$1\" }}",
    Bound::Size
)]
#[case::a_long_pattern(
    "{{ $p := repeat 100000 \"\\\\pL\" }}{{ regexMatch (print \"[\" $p \"]\") \"b\" }}",
    Bound::Steps
)]
#[case::matches_that_look_ahead(
    "{{ $t := repeat 200000 \"a\" }}{{ $x := regexFindAll \"a*b|a\" $t -1 }}",
    Bound::Steps
)]
#[case::sorting(
    "{{ $l := list }}{{ $t := repeat 100000 \"a\" }}{{ range 300 }}{{ $l = append $l $t }}{{ end }}{{ $x := sortAlpha $l }}",
    Bound::Size
)]
#[case::nested_loops(
    "{{ range 3000 }}{{ range 3000 }}{{ range 3000 }}{{ end }}{{ end }}{{ end }}",
    Bound::Steps
)]
#[case::a_file_as_elements(
    "{{ range 10000 }}{{ range index $.Files \"large.txt\" }}{{ end }}{{ end }}",
    Bound::Steps
)]
#[case::a_file_again_and_again(
    "{{ $l := list }}{{ range 1000 }}{{ $l = append $l ($.Files.Get \"large.txt\") }}{{ end }}",
    Bound::Size
)]
#[case::lines_of_a_file(
    "{{ range 1000 }}{{ $x := $.Files.Lines \"large.txt\" }}{{ end }}",
    Bound::Size
)]
#[case::versions_of_the_cluster(
    "{{ range 10000000 }}{{ $x := $.Capabilities.APIVersions }}{{ end }}",
    Bound::Size
)]
#[case::templates_that_are_parsed(
    "{{ $t := repeat 200000 \"{{.a}}\" }}{{ tpl $t 1 }}",
    Bound::Size
)]
#[case::directives(
    "{{ $f := repeat 100000 \"%[1].1s\" }}{{ range 100 }}{{ $x := printf $f \"a\" }}{{ end }}",
    Bound::Steps
)]
fn a_hostile_chart_ends_by_what_it_is_charged(#[case] template: &str, #[case] bound: Bound) {
    let error = render(template, &json!({}), &Limits::default()).expect_err("it ends");
    assert_eq!(error.kind, RenderErrorKind::Bound(bound), "{error}");
}

#[test]
fn a_text_behind_aliases_counts_as_often_as_it_is_there() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(40_000),
        "*a,".repeat(20_000)
    );
    let error = crate::yaml::parse(&text).unwrap_err().to_string();
    assert!(error.contains("takes more than 128 MiB"), "{error}");
}

#[test]
fn time_is_the_last_line() {
    let limits = Limits {
        time: Duration::ZERO,
        ..Limits::default()
    };
    let error = render("{{ range 100000 }}{{ end }}", &json!({}), &limits).expect_err("it ends");
    assert_eq!(error.kind, RenderErrorKind::Bound(Bound::Time), "{error}");
    assert!(error.to_string().contains("take too long"), "{error}");
}

#[rstest]
#[case::parentheses(format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)))]
#[case::blocks(format!("{}{}", "{{ if true }}".repeat(100_000), "{{ end }}".repeat(100_000)))]
#[case::alternatives(format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(100_000)))]
fn deep_nesting_is_refused_when_the_chart_is_loaded(#[case] template: String) {
    let file = |name: &str, text: &str| crate::File {
        name: name.to_owned(),
        data: text.as_bytes().to_vec(),
    };
    let chart = crate::Chart::from_files(vec![
        file("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n"),
        file("templates/a.yaml", &template),
    ]);
    let error = Program::compile(&chart.unwrap()).expect_err("it is refused");
    assert!(
        error.to_string().contains("nesting depth exceeded"),
        "{error}"
    );
}

#[test]
fn nesting_as_deep_as_it_may_be_is_rendered() {
    let alternatives = "{{ else if eq 1 2 }}".repeat(190);
    let template = format!("{{{{ if eq 1 2 }}}}{alternatives}{{{{ else }}}}deep{{{{ end }}}}");
    let rendered = render(&template, &json!({}), &Limits::default()).unwrap();
    assert_eq!(rendered.notes, "deep");
}

#[rstest]
#[case::text_of_a_value(
    "{{ tpl (print \"{{ \" (repeat 10000 \"(\") 1 (repeat 10000 \")\") \" }}\") . }}"
)]
#[case::json("{{ fromJson (repeat 100000 \"[\") }}")]
#[case::yaml("{{ fromYaml (print (repeat 5000 \"[\") (repeat 5000 \"]\")) }}")]
#[case::a_pattern(
    "{{ mustRegexMatch (print (repeat 1100 \"(\") \"a\" (repeat 1100 \")\")) \"b\" }}"
)]
#[case::a_value(
    "{{ $d := dict }}{{ range 5000 }}{{ $d = dict \"a\" $d }}{{ end }}{{ mustToJson $d }}"
)]
#[case::a_copy(
    "{{ $d := dict }}{{ range 5000 }}{{ $d = dict \"a\" $d }}{{ end }}{{ $x := deepCopy $d }}"
)]
#[case::a_print("{{ $d := dict }}{{ range 5000 }}{{ $d = dict \"a\" $d }}{{ end }}{{ $d }}")]
fn deep_nesting_of_what_a_template_makes_ends_in_an_error(#[case] template: &str) {
    let error = render(template, &json!({}), &Limits::default()).expect_err("it ends");
    assert!(
        matches!(
            error.kind,
            RenderErrorKind::Evaluation | RenderErrorKind::Unsupported | RenderErrorKind::Bound(_)
        ),
        "{error}"
    );
}
