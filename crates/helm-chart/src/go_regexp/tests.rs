use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use rstest::rstest;

use super::translate;

fn compiled(pattern: &str) -> Regex {
    let translated = translate(pattern, true).unwrap();
    Regex::new(&translated.pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

#[rstest]
#[case(r".+\.io/|.+/", "q.io/a/b", Some("q.io/"))]
#[case("v.*-rc|v.*-dev", "v1-rc-dev", Some("v1-rc"))]
#[case("(?:.+x|.+)y", "axy", Some("axy"))]
#[case(r"\Bx", "ax", Some("x"))]
#[case(r"\Bx", "x", None)]
#[case(r"\141\0\x41", "a\0A", Some("a\0A"))]
#[case("(a)(?i)b*", "aBb", Some("aBb"))]
#[case("a{,2}", "a{,2}", Some("a{,2}"))]
#[case(r"\Qa.b\E+", "a.bbb", Some("a.bbb"))]
#[case(r"\Qa|b", "a|b", Some("a|b"))]
#[case("(?U)a+", "aaa", Some("a"))]
#[case("(?U)a+?", "aaa", Some("aaa"))]
#[case("[[:word:]-]+", "a-b c", Some("a-b"))]
#[case(r"[^\x{d800}-\x{dfff}]", "a", Some("a"))]
#[case(r"\x{d800}", "a", None)]
#[case("(?P<1a>x)(?<1a>y)", "xy", Some("xy"))]
#[case("a{1000}", "a", None)]
#[case(r"\pL{2}\p{^greek}", "aé1", Some("aé1"))]
#[case("(?m)^b$", "a\nb\nc", Some("b"))]
#[case("b$", "b\n", None)]
#[case(r"\d\s\w", "1 é", None)]
#[case("(?i)[^k]", "\u{212a}", None)]
#[case("(?s).", "\n", Some("\n"))]
#[case("[a&&b~~]+", "&&~", Some("&&~"))]
#[case("[#-&]", "%", Some("%"))]
#[case(r"[\-\]]+", "]-", Some("]-"))]
#[case("[]a]+", "]a", Some("]a"))]
#[case("(a){0}b", "ab", Some("b"))]
fn a_pattern_finds_what_go_finds(
    #[case] pattern: &str,
    #[case] text: &str,
    #[case] found: Option<&str>,
) {
    let regex = compiled(pattern);
    assert_eq!(
        regex.find(text).map(|found| found.as_str()),
        found,
        "{regex}"
    );
}

#[test]
fn groups_that_are_repeated_no_times_keep_their_numbers() {
    let regex = compiled("((?P<x>a){0,0}|y)(b)");
    assert_eq!(regex.captures_len(), 4);
    assert_eq!(groups(&regex, "b"), "0-1 0-0 - 0-1");
}

#[rstest]
#[case("a**", "invalid nested repetition operator: `**`")]
#[case("a{2}{3}", "invalid nested repetition operator: `{2}{3}`")]
#[case("*a", "missing argument to repetition operator: `*`")]
#[case("a|*", "missing argument to repetition operator: `*`")]
#[case("(a", "missing closing ): `(a`")]
#[case("a)", "unexpected ): `a)`")]
#[case("[a", "missing closing ]: `[a`")]
#[case("[b-a]", "invalid character class range: `b-a`")]
#[case(r"[a-\d]", r"invalid escape sequence: `\d`")]
#[case("[[:nope:]]", "invalid character class range: `[:nope:]`")]
#[case(r"\8", r"invalid escape sequence: `\8`")]
#[case(r"\x4", r"invalid escape sequence: `\x4`")]
#[case("\\", "trailing backslash at end of expression: ``")]
#[case("a{1001}", "invalid repeat count: `{1001}`")]
#[case("(a{100}){11}", "invalid repeat count: `{11}`")]
#[case("(?=a)", "invalid or unsupported Perl syntax: `(?=`")]
#[case("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`")]
#[case(r"\p{Old_Italic}", r"invalid character class range: `\p{Old_Italic}`")]
#[case(r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`")]
#[case(r"\Z", r"invalid escape sequence: `\Z`")]
fn what_go_refuses_is_refused_in_its_words(#[case] pattern: &str, #[case] words: &str) {
    let error = translate(pattern, true).unwrap_err();
    assert_eq!(error.to_string(), format!("error parsing regexp: {words}"));
}

#[test]
fn a_pattern_of_a_million_parentheses_needs_no_stack() {
    let run = || translate(&"(".repeat(1_000_000), true).map(|_| ());
    let thread = std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(run)
        .unwrap();
    assert!(thread.join().unwrap().is_err());
}

/// The folder of Go's own tests of regular expressions.
fn testdata() -> PathBuf {
    let asked = Command::new("go").args(["env", "GOROOT"]).output().unwrap();
    PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim()).join("src/regexp/testdata")
}

/// The text of a Go string, without its quotes. `None` if it is not UTF-8.
fn unquoted(text: &str) -> Option<String> {
    if let Some(raw) = text.strip_prefix('`') {
        return Some(raw.strip_suffix('`').unwrap().to_owned());
    }
    let mut bytes = Vec::new();
    let mut rest = text.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, length) = match (first, after) {
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'x', ..]) => (
                u8::from_str_radix(std::str::from_utf8(&rest[2..4]).unwrap(), 16).unwrap(),
                4,
            ),
            (b'\\', [octal @ b'0'..=b'7', ..]) => (*octal, 4),
            (b'\\', [other, ..]) => (*other, 2),
            (other, _) => (*other, 1),
        };
        let byte = if length == 4 && after[0] != b'x' {
            u8::from_str_radix(std::str::from_utf8(&rest[1..4]).unwrap(), 8).unwrap()
        } else {
            byte
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8(bytes).ok()
}

/// Groups of a match as the tables write them.
fn groups(regex: &Regex, text: &str) -> String {
    let Some(found) = regex.captures(text) else {
        return "-".to_owned();
    };
    let place = |group: Option<regex::Match<'_>>| match group {
        Some(group) => format!("{}-{}", group.start(), group.end()),
        None => "-".to_owned(),
    };
    let places: Vec<String> = found.iter().map(place).collect();
    places.join(" ")
}

/// Goes through a table: every `step`th pattern, against all the strings before it. Returns how many results were compared.
fn table(content: &str, step: usize) -> usize {
    let (mut strings, mut reading) = (Vec::new(), true);
    let (mut compared, mut patterns) = (0, 0);
    let mut current: Option<(Regex, Regex, String)> = None;
    let mut index = 0;
    for line in content.lines() {
        match line {
            "strings" => (strings, reading) = (Vec::new(), true),
            "regexps" => reading = false,
            quoted if quoted.starts_with(['"', '`']) && reading => strings.push(unquoted(quoted)),
            quoted if quoted.starts_with(['"', '`']) => {
                (current, index) = (None, 0);
                patterns += 1;
                // The tables are of RE2, which has `\C`.
                let pattern = unquoted(quoted)
                    .filter(|pattern| patterns % step == 0 && !pattern.contains(r"\C"));
                if let Some(pattern) = pattern {
                    current = Some((
                        compiled(&format!(r"\A(?:{pattern})\z")),
                        compiled(&pattern),
                        pattern,
                    ));
                }
            }
            results if results.contains(';') => {
                let text = &strings[index];
                index += 1;
                let (Some(text), Some((whole, part, pattern))) = (text, &current) else {
                    continue;
                };
                // RE2 finds `\B` within a character.
                if !text.is_ascii() && pattern.contains(r"\B") {
                    continue;
                }
                let expected: Vec<&str> = results.split(';').collect();
                assert_eq!(
                    groups(whole, text),
                    expected[0],
                    "all of {text:?} by {pattern} ({whole})"
                );
                assert_eq!(
                    groups(part, text),
                    expected[1],
                    "in {text:?} by {pattern} ({part})"
                );
                compared += 2;
            }
            _ => {}
        }
    }
    compared
}

#[test]
fn gos_table_of_searches_holds() {
    let content = std::fs::read_to_string(testdata().join("re2-search.txt")).unwrap();
    assert!(table(&content, 1) > 1_000);
}

/// Prints the content of a bzip2 file.
const UNPACK: &str = r#"package main
import ("compress/bzip2"; "io"; "os")
func main() { io.Copy(os.Stdout, bzip2.NewReader(os.Stdin)) }
"#;

fn exhaustive(step: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("unpack.go");
    std::fs::write(&program, UNPACK).unwrap();
    let packed = std::fs::File::open(testdata().join("re2-exhaustive.txt.bz2")).unwrap();
    let unpacked = Command::new("go")
        .arg("run")
        .arg(&program)
        .stdin(packed)
        .output()
        .unwrap();
    table(&String::from_utf8(unpacked.stdout).unwrap(), step)
}

#[test]
fn a_sample_of_gos_exhaustive_table_holds() {
    assert!(exhaustive(997) > 1_000);
}

#[test]
#[ignore = "takes minutes"]
fn gos_exhaustive_table_holds() {
    assert!(exhaustive(1) > 1_000_000);
}
