use rstest::rstest;
use serde_json::json;

use super::{Encoding, Node, emit, encode, parse, parse_all, try_emit};

#[rstest]
#[case("a: yes\nb: off\nc: 'no'", json!({"a": true, "b": false, "c": "no"}))]
#[case("n: 1\nno: 2", json!({"false": 2}))]
#[case("y: 4\nyes: 5", json!({"true": 5}))]
#[case("a: 0o17\nb: 017\nc: 0x1F\nd: 0b101\ne: 1_000\nf: 08", json!({"a": 15, "b": 15, "c": 31, "d": 5, "e": 1000, "f": 8}))]
#[case("a: 1e3\nb: 1.5\nc: 12:30\nd: 2001-01-01", json!({"a": 1000, "b": 1.5, "c": "12:30", "d": "2001-01-01"}))]
#[case("a: 9007199254740993", json!({"a": 9_007_199_254_740_992_i64}))]
#[case("a: ~\nb:\nc: ''", json!({"a": null, "b": null, "c": ""}))]
#[case("1.50: a\n0x10: b", json!({"1.5": "a", "16": "b"}))]
#[case("a: !!str 1\nb: !!float 1\nc: ! yes\nd: !own 1", json!({"a": "1", "b": 1, "c": "yes", "d": "1"}))]
#[case("a: !!binary aGk=", json!({"a": "hi"}))]
#[case("a: 1\n---\nb: 2", json!({"a": 1}))]
#[case("a: 0b-11\nb: !!binary aGl=", json!({"a": -3, "b": "hi"}))]
#[case("", json!(null))]
fn scalars_and_keys_have_the_types_of_yaml_1_1(
    #[case] text: &str,
    #[case] expected: serde_json::Value,
) {
    assert_eq!(parse(text), Ok(expected));
}

#[rstest]
#[case("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3", json!({"b": 3, "c": 2}))]
#[case("a: &x {b: 1, c: 2}\nd:\n  b: 3\n  <<: *x", json!({"b": 1, "c": 2}))]
#[case("a: &x {b: 1}\ne: &y {b: 2, z: 3}\nd:\n  <<: [*x, *y]", json!({"b": 1, "z": 3}))]
#[case("d:\n  \"<<\": 1", json!({"<<": 1}))]
fn a_merge_key_counts_where_it_stands(#[case] text: &str, #[case] expected: serde_json::Value) {
    assert_eq!(parse(text).map(|value| value["d"].clone()), Ok(expected));
}

#[rstest]
#[case("a: 1\nb: .inf", 2)]
#[case("a: 1\nb: [x", 3)]
#[case("{a\n: 1}", 2)]
#[case("a: *b", 1)]
#[case("a: &a\n  b: *a", 2)]
#[case("a: &a [*a]", 1)]
#[case("a: 1\n~: 2", 2)]
#[case("1: a\n'1': b", 2)]
#[case("a: 1\nb: !!int x", 2)]
#[case("a:\n\tb: 1", 2)]
#[case("a: 1\nb: \u{7f}", 2)]
#[case("d:\n  <<: [1]", 2)]
fn what_helm_refuses_or_decides_by_chance_is_refused_with_its_line(
    #[case] text: &str,
    #[case] line: usize,
) {
    assert_eq!(
        parse(text).unwrap_err().line(),
        Some(line),
        "{:?}",
        parse(text)
    );
}

#[test]
fn aliases_that_explode_and_deep_nesting_end_in_an_error() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        let line = format!(
            "a{level}: &a{level} [{}]\n",
            previous.trim_end_matches(", ")
        );
        bomb.push_str(&line);
    }
    assert!(
        parse(&bomb)
            .unwrap_err()
            .to_string()
            .contains("excessive aliasing")
    );
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"- ".repeat(100_000)).is_err());
}

#[test]
fn documents_are_split_at_lines_that_start_with_dashes() {
    let text = "---\na: 1\n--- # two\nb: 2\n---\n";
    assert_eq!(parse_all(text), Ok(vec![json!({"a": 1}), json!({"b": 2})]));
    assert!(parse_all("a: 1\n--- b\n").is_err());
    assert_eq!(
        parse_all("a: 1\n---\nb: 2\nc: *d\n").unwrap_err().line(),
        Some(4)
    );
}

#[rstest]
#[case(json!({"b": "yes", "a": ["no", "1_000", "0x1F", "1e3", "2001-01-01", "~", "", "12:30", "x"]}),
    "a:\n- \"no\"\n- \"1_000\"\n- \"0x1F\"\n- \"1e3\"\n- \"2001-01-01\"\n- \"~\"\n- \"\"\n- \"12:30\"\n- x\nb: \"yes\"\n")]
#[case(json!({"n": 1, "a10": 1, "a9": 1, "B": 1, "_": 1}), "_: 1\nB: 1\na9: 1\na10: 1\n\"n\": 1\n")]
#[case(json!({"a": {}, "b": [], "c": null, "d": [[1, [2]], {"e": 1, "f": [3]}]}),
    "a: {}\nb: []\nc: null\nd:\n- - 1\n  - - 2\n- e: 1\n  f:\n  - 3\n")]
#[case(json!({"a": "x\ny\n", "b": "x\ny", "c": " x\n\n", "d": "x \ny", "e": "\u{1}", "f": "😀", "g": "a: b", "h": "it's: "}),
    "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |2+\n   x\n\nd: \"x \\ny\"\ne: \"\\x01\"\nf: \"\\U0001F600\"\ng: 'a: b'\nh: 'it''s: '\n")]
#[case(json!([1.0, 1e21, 1e20, 0.00001, 1_234_567.5, -0.0, 10_000_000]), "- 1\n- 1e+21\n- 1e+20\n- 1e-05\n- 1.2345675e+06\n- 0\n- 10000000\n")]
fn output_is_what_sigs_yaml_writes(#[case] value: serde_json::Value, #[case] expected: &str) {
    assert_eq!(emit(&value), expected);
}

#[test]
fn long_lines_fold_at_the_first_space_after_column_eighty() {
    let text = format!("{} end of it", "x".repeat(90));
    assert_eq!(
        emit(&json!({ "a": text })),
        format!("a: {}\n  end of it\n", "x".repeat(90))
    );
}

#[test]
fn text_that_gos_way_through_json_loses_is_empty() {
    assert_eq!(emit(&json!(["\u{7f}"])), "");
    assert!(try_emit(&json!({ "k".repeat(2000): 1 })).is_err());
}

#[test]
fn pretty_output_indents_lists_and_prints_floats() {
    let node = Node::Map(vec![
        (
            "a".into(),
            Node::List(vec![
                Node::Float(1e6),
                Node::Text("yes".into()),
                Node::Text("x\ty".into()),
            ]),
        ),
        ("b".into(), Node::Text("long ".repeat(30))),
    ]);
    let expected = format!(
        "a:\n  - 1e+06\n  - \"yes\"\n  - \"x\\ty\"\nb: '{}'\n",
        "long ".repeat(30)
    );
    assert_eq!(encode(&node, Encoding::Pretty), Ok(expected));
}

/// Texts that go-yaml accepts and YAML 1.2 does not.
#[rstest]
#[case::quotes_continued_at_their_key("a:\n  b: \"x\n  y\"", json!({"a": {"b": "x y"}}))]
#[case::quotes_continued_before_their_key("a:\n  b: 'x\n\n y'", json!({"a": {"b": "x\ny"}}))]
#[case::an_anchor_before_a_colon("key: &an:chor value", json!({"key": ":chor value"}))]
#[case::a_key_alone_in_brackets("b: {x:, z: 1}", json!({"b": {"x:": null, "z": 1}}))]
#[case::a_question_in_brackets("[? a : b]", json!([{"a": "b"}]))]
#[case::a_line_separator("a: x\u{2028}b: z", json!({"a": "x", "b": "z"}))]
#[case::a_next_line("a: \"x\u{85}y\"", json!({"a": "x y"}))]
#[case::a_tab_after_text("a: 1\t\nb: 2", json!({"a": 1, "b": 2}))]
#[case::a_tab_in_brackets("a: [\n\t1]", json!({"a": [1]}))]
#[case::a_replacement_character("a: \u{fffd}", json!({"a": "\u{fffd}"}))]
#[case::an_escaped_line_break("a: \"x \\\n   y\"", json!({"a": "x y"}))]
#[case::a_directive("%YAML 1.1\n---\na: 1", json!({"a": 1}))]
fn text_is_read_with_the_liberties_of_go_yaml(
    #[case] text: &str,
    #[case] expected: serde_json::Value,
) {
    assert_eq!(parse(text), Ok(expected));
}

#[rstest]
#[case::a_tab_line(
    "a: 1\n\t\nb: 2",
    "yaml: line 2: found a tab character that violates indentation"
)]
#[case::an_unknown_directive("%x y\n---\na: 1", "yaml: found unknown directive name")]
#[case::another_version("%YAML 1.2\n---\na: 1", "yaml: found incompatible YAML document")]
#[case::two_colons("a: b: c", "yaml: mapping values are not allowed in this context")]
#[case::no_anchor("a: 1\nb: *x", "yaml: unknown anchor 'x' referenced")]
#[case::not_a_number("a: .nan", "json: unsupported value: NaN")]
#[case::another_type("a: !!int x", "yaml: cannot decode !!str `x` as a !!int")]
fn an_error_has_the_words_of_helm_too(#[case] text: &str, #[case] words: &str) {
    let said = parse(text).unwrap_err().as_helm_says();
    assert_eq!(
        said,
        Some(format!("error converting YAML to JSON: {words}"))
    );
}

#[test]
fn a_thousand_levels_are_read_on_a_stack_of_two_mebibytes_and_more_are_refused_by_name() {
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let run = || {
        let deep = |levels: usize| format!("{}x{}", "[".repeat(levels), "]".repeat(levels));
        let value = parse(&deep(1000)).unwrap();
        assert_eq!(try_emit(&value).unwrap().len(), 2002);
        assert_eq!(value.clone(), value);
        let error = parse(&deep(9999)).unwrap_err();
        assert_eq!((error.as_helm_says(), error.line()), (None, Some(1)));
        assert!(
            error.to_string().contains("only the helm engine"),
            "{error}"
        );
        let error = parse(&"- ".repeat(100_000)).unwrap_err().to_string();
        assert!(error.contains("exceeded max depth of 10000"), "{error}");
    };
    small.spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_million_values_are_read() {
    let text = format!("a: [{}]", "1,".repeat(1_000_000));
    assert_eq!(
        parse(&text).unwrap()["a"].as_array().unwrap().len(),
        1_000_000
    );
}

#[test]
fn many_keys_are_sorted_in_time_that_does_not_grow_with_their_square() {
    let entries = (0..200_000).map(|number| (format!("key{number}"), json!(1)));
    let text = emit(&entries.collect::<serde_json::Map<_, _>>().into());
    assert!(text.starts_with("key0: 1\nkey1: 1\nkey2: 1\n"));
    assert!(text.ends_with("key199999: 1\n"));
}
