//! Floats and quoted strings.

use super::*;
use rstest::rstest;

#[rstest]
#[case(0.0, "0")]
#[case(-0.0, "-0")]
#[case(100_000.0, "100000")]
#[case(123_456.0, "123456")]
#[case(1_000_000.0, "1e+06")]
#[case(1_234_567.0, "1.234567e+06")]
#[case(12_345_678_901.0, "1.2345678901e+10")]
#[case(1e21, "1e+21")]
#[case(1.5, "1.5")]
#[case(0.0001, "0.0001")]
#[case(0.00001, "1e-05")]
#[case(1e100, "1e+100")]
#[case(-3.25, "-3.25")]
#[case(f64::NAN, "NaN")]
#[case(f64::INFINITY, "+Inf")]
fn floats_print_as_in_go(#[case] value: f64, #[case] expected: &str) {
    assert_eq!(float(value), expected);
}

#[rstest]
#[case(100_000.0, 3, "1e+05")]
#[case(123_456.0, 3, "1.23e+05")]
#[case(123_456_789.0, 10, "123456789")]
#[case(1e20, 10, "1e+20")]
#[case(0.0001, 3, "0.0001")]
#[case(2.71728, 3, "2.72")]
#[case(2.0, 5, "2")]
fn a_precision_counts_digits(#[case] value: f64, #[case] precision: usize, #[case] expected: &str) {
    assert_eq!(general(value, Some(precision)), expected);
}

#[rstest]
#[case("100000000000000.125", "1.0000000000000012e+14")]
#[case("100000000000000.375", "1.0000000000000038e+14")]
#[case("5e-324", "5e-324")]
#[case("9007199254740993", "9.007199254740992e+15")]
fn of_two_that_are_equally_near_the_even_one_is_printed(
    #[case] value: &str,
    #[case] expected: &str,
) {
    assert_eq!(float(value.parse().unwrap()), expected);
}

#[rstest]
#[case(1e21, "1e+21")]
#[case(1e20, "100000000000000000000")]
#[case(1e-7, "1e-7")]
#[case(1e-6, "0.000001")]
#[case(10_000_000.0, "10000000")]
fn json_floats_have_their_own_rule(#[case] value: f64, #[case] expected: &str) {
    assert_eq!(json(value), expected);
}

#[rstest]
#[case("a\"b\nü\0\u{200b}", false, "\"a\\\"b\\nü\\x00\\u200b\"")]
#[case("ü☃\u{1F600}", true, "\"\\u00fc\\u2603\\U0001f600\"")]
#[case("a`b\x7f", false, "\"a`b\\x7f\"")]
#[case("e\u{301}", false, "\"e\u{301}\"")]
// A character that stands for a byte within the engine is held there as its own bytes.
#[case("\u{10fff4}\u{10ff8f}\u{10ffbe}\u{10ff80}", false, "\"\\U0010ff80\"")]
#[case("a\u{10fff4}\u{10ff8f}", false, "\"a\\xf4\\x8f\"")]
fn strings_are_quoted_as_in_go(#[case] text: &str, #[case] ascii: bool, #[case] expected: &str) {
    assert_eq!(quote(text, ascii), expected);
}
