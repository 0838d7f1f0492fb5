use rstest::rstest;
use serde_json::json;

use super::Template;

/// What `kubectl label --local -f FILE x=y -o jsonpath=TEMPLATE` prints of this document; an end-to-end test asks it again.
#[rstest]
#[case("text", "text")]
#[case("{.nothing}", "null")]
#[case("{.list}", r#"[1,2,{"a":"\u003c\u0026\u003e","z":1}]"#)]
#[case("{.list[*]}", r#"1 2 {"a":"\u003c\u0026\u003e","z":1}"#)]
#[case("{.half} {.million} {.big} {.yes}", "0.5 1000000 12345678901 true")]
#[case("{.empty[*]}|{.empty}", "|[]")]
#[case(r"{.map.k\.l}", "v")]
#[case(r"{.map['k\.l']}", "v")]
#[case("{.map['s']}", "a \"q\"")]
#[case("{.missing}|{.yes.x}|{.nothing.b}|{.half.x[0]}|", "||||")]
#[case("{.list[-1].a}", "<&>")]
#[case("{.items[?(@.p==\"F\")].n}", "one")]
#[case("{.items[?(@.p == 'F')].n}", "one")]
#[case("{.items[?(@.p!=\"F\")].n}", "two")]
#[case("{.items[?(@.p)].n}", "one two")]
#[case("{.items[?(@.i==2)].n}", "two")]
#[case("{.items[?(@.null)].n}", "two")]
#[case("{.items[?(@.t==true)].n}|", "|")]
#[case(
    "{range .items[*]}{.n}{\"\\t\"}{.p}{\"\\n\"}{end}",
    "one\tF\ntwo\tS\nthree\t\n"
)]
#[case("{range .missing[*]}x{end}|", "|")]
#[case(
    "{range .items[*]}{range .n}{@}{end}-{$.i}{end}|",
    "one-1two-2three-3|"
)]
#[case("{ .yes }{'\\n'}{\"{\"}", "true\n{")]
#[case("{.yes}}", "true}")]
#[case("{.items[*].n}{.items.n}", "one two three")]
#[case("{.items[0]}", r#"{"i":1,"n":"one","p":"F"}"#)]
#[case("{.items[2].*}", "3 three")]
fn a_template_is_filled_as_kubectl_fills_it(#[case] template: &str, #[case] expected: &str) {
    let document = json!({
        "nothing": null, "list": [1, 2, {"z": 1, "a": "<&>"}], "half": 0.5, "million": 1_000_000, "big": 12_345_678_901_i64, "yes": true,
        "empty": [], "map": {"k.l": "v", "s": "a \"q\""},
        "items": [{"n": "one", "p": "F", "i": 1}, {"n": "two", "p": "S", "i": 2, "null": null}, {"n": "three", "i": 3}],
    });
    let template = Template::parse(template).unwrap();
    assert_eq!(template.fill(&document).unwrap(), expected);
}

#[rstest]
#[case::no_end("{.a", "has no }")]
#[case::no_range("{end}", "without {range")]
#[case::an_open_range("{range .a[*]}x", "has no {end}")]
#[case::no_dot("{items[0]}", "a path such as .status.phase")]
#[case::two_paths("{.a .b}", "one in each { }")]
#[case::a_descent("{..name}", ".. is not known")]
#[case::a_slice("{.a[0:2]}", "[0:2]: known are")]
#[case::a_union("{.a['b','c']}", "one name in single quotes")]
#[case::dots_in_a_name("{.a['b.c']}", "its dots as \\.")]
#[case::an_order("{.a[?(@.b>1)]}", "?(@.b>1): known are")]
#[case::no_value("{.a[?(@.b==c)]}", "?(@.b==c): known are")]
#[case::an_escape("{\"\\x41\"}", "of escapes")]
fn what_is_not_understood_is_refused_in_words(#[case] template: &str, #[case] words: &str) {
    let refused = Template::parse(template).unwrap_err();
    assert!(refused.contains(words), "{refused}");
}

#[rstest]
#[case::an_item_too_far("{.a[2]}", "no item 2 in a list of 1 items")]
#[case::too_far_from_the_end("{.a[-2]}", "no item -2")]
#[case::no_list("{.b[0]}", "there is an object")]
#[case::another_type("{.a[?(@.c=='1')]}", "1 cannot be compared with \"1\"")]
fn what_cannot_be_told_fails(#[case] template: &str, #[case] words: &str) {
    let template = Template::parse(template).unwrap();
    let failed = template
        .fill(&json!({"a": [{"c": 1}], "b": {}}))
        .unwrap_err();
    assert!(failed.contains(words), "{failed}");
}

#[test]
fn what_a_terminal_acts_upon_is_escaped_in_values() {
    let template = Template::parse("{.a}{.b}").unwrap();
    let document = json!({"a": "x\u{1b}[2J\ty\nz", "b": ["\u{9b}"]});
    let text = template.fill(&document).unwrap();
    assert_eq!(text, "x\\u{1b}[2J\ty\nz[\"\\u009b\"]");
}
