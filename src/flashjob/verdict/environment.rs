//! Lines in which the flash image prints what it was given: they prove nothing, whatever stands in them. Pure.
//!
//! The image prints its environment when it starts, an entry a line, each behind the date of Go's logger; then its options, one
//! a line behind a tab and a dash; older images print the environment once more, as one list in brackets. A value with line
//! feeds goes on in lines without a date. Called by `log` for each line.

/// Length of a date as Go's logger writes it, `2026/11/28 12:00:00`.
const DATE: &[u8] = b"0000/00/00 00:00:00";

/// Whose words they are, where the image passes on what its agent prints: behind the date.
const STREAMS: [&str; 2] = ["[AGENT STDOUT] ", "[AGENT STDERR] "];

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A value that was given to the image, or the continuation of one: nothing that stands before it in the log is the flash's.
    Given,
    /// What the image says, without date and surrounding blanks.
    Said(&'a str),
}

/// Tells what was given from what is said, line by line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    /// Lines without a date go on with a value.
    in_value: bool,
}

impl Reader {
    /// What the next line is.
    pub(super) fn read<'a>(&mut self, line: &'a str) -> Line<'a> {
        let (dated, rest) = undated(line);
        if dated {
            self.in_value = false;
        } else if self.in_value {
            return Line::Given;
        }
        let (entry, list) = (is_entry(rest, dated), list(rest));
        if !entry && list == List::None && !(dated && is_option(rest)) {
            return Line::Said(rest.trim());
        }
        // A list that is closed on its line is whole. Without dates nothing tells where a value ends.
        self.in_value = dated && (entry || list != List::Whole);
        Line::Given
    }
}

/// The line without the date of Go's logger, if it has one, and the agent's stream behind that.
fn undated(line: &str) -> (bool, &str) {
    let line = line.trim_end_matches('\r');
    let is_date = |text: &[u8]| {
        std::iter::zip(text, DATE).all(|(found, form)| {
            if form.is_ascii_digit() {
                found.is_ascii_digit()
            } else {
                found == form
            }
        })
    };
    let Some((date, rest)) = line.as_bytes().split_at_checked(DATE.len()) else {
        return (false, line);
    };
    // Microseconds, where the image asks for them.
    let fraction = rest
        .iter()
        .take_while(|byte| **byte == b'.' || byte.is_ascii_digit())
        .count();
    let end = DATE.len() + fraction;
    if is_date(date) && matches!(rest.get(fraction), None | Some(b' ')) {
        let rest = line
            .get(end..)
            .map_or("", |rest| rest.strip_prefix(' ').unwrap_or(rest));
        let words = STREAMS.iter().find_map(|stream| rest.strip_prefix(stream));
        (true, words.unwrap_or(rest))
    } else {
        (false, line)
    }
}

/// `NAME=value`. Behind a date any name counts, elsewhere one as environments have it.
fn is_entry(line: &str, dated: bool) -> bool {
    let is_name = |byte: u8| match byte {
        b'_' | b'0'..=b'9' | b'A'..=b'Z' => true,
        b'=' => false,
        _ => dated && byte.is_ascii_graphic(),
    };
    let name = line.bytes().take_while(|byte| is_name(*byte)).count();
    name > 0 && line.as_bytes().get(name) == Some(&b'=')
}

/// What a line has of an environment in brackets, `[NAME=value NAME=value]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    None,
    Whole,
    /// Its beginning or its end: a value in it holds line feeds.
    Part,
}

fn list(line: &str) -> List {
    let closes = line.trim_end().ends_with(']');
    let opens = line
        .match_indices('[')
        .any(|(at, _)| is_entry(&line[at + 1..], false));
    let goes_on = || line.split(' ').skip(1).any(|word| is_entry(word, false));
    match (opens, closes) {
        (true, true) => List::Whole,
        (true, false) => List::Part,
        (false, true) if goes_on() => List::Part,
        (false, _) => List::None,
    }
}

/// `<tab>- Name: value`.
fn is_option(line: &str) -> bool {
    line.starts_with("\t- ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::entry("2026/11/28 12:00:00 DEVICE=esp32s3", Line::Given)]
    #[case::entry_with_microseconds("2026/11/28 12:00:00.123456 DEVICE=x", Line::Given)]
    #[case::entry_without_a_date("DEVICE=esp32s3", Line::Given)]
    #[case::any_name_behind_a_date("2026/11/28 12:00:00 http.proxy-1=x", Line::Given)]
    #[case::empty_value("2026/11/28 12:00:00 DEVICE=", Line::Given)]
    #[case::option("2026/11/28 12:00:00 \t- Device: esp32s3", Line::Given)]
    #[case::list("2026/11/28 12:00:00 Executing with env [PATH=/bin A=b]", Line::Given)]
    #[case::list_without_a_date("env: [PATH=/bin A=b]", Line::Given)]
    #[case::end_of_a_list("rest of a value VERSION=1 PATH=/bin]", Line::Given)]
    #[case::field_of_a_log("time=1 msg=x", Line::Said("time=1 msg=x"))]
    #[case::fields_before_a_bracket("time=1 msg=x]", Line::Said("time=1 msg=x]"))]
    #[case::words_before_a_bracket("sent 5 of 9 [50%]", Line::Said("sent 5 of 9 [50%]"))]
    #[case::lower_case_in_brackets("[level=info] sent", Line::Said("[level=info] sent"))]
    #[case::no_name("2026/11/28 12:00:00 =x", Line::Said("=x"))]
    #[case::two_words("2026/11/28 12:00:00 A B=x", Line::Said("A B=x"))]
    #[case::said("2026/11/28 12:00:00 Done!\r", Line::Said("Done!"))]
    #[case::said_by_the_agent("2026/11/28 12:00:00 [AGENT STDERR] Done!", Line::Said("Done!"))]
    #[case::given_to_the_agent("2026/11/28 12:00:00 [AGENT STDOUT] DEVICE=x", Line::Given)]
    #[case::a_stream_without_a_date("[AGENT STDOUT] Done!", Line::Said("[AGENT STDOUT] Done!"))]
    #[case::said_without_a_date("  \rSent: 100%\r", Line::Said("Sent: 100%"))]
    #[case::a_date_alone("2026/11/28 12:00:00", Line::Said(""))]
    #[case::no_date("2026/11/28 12:00:0x DEVICE", Line::Said("2026/11/28 12:00:0x DEVICE"))]
    #[case::glued_to_its_date("2026/11/28 12:00:00Done", Line::Said("2026/11/28 12:00:00Done"))]
    #[case::an_option_without_a_date("\t- Device: x", Line::Said("- Device: x"))]
    #[case::wide_letters(
        "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{20ac}",
        Line::Said("\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{20ac}")
    )]
    fn what_is_given_is_told_by_its_form(#[case] line: &str, #[case] want: Line<'_>) {
        assert_eq!(Reader::default().read(line), want);
    }

    #[rstest]
    #[case::entry("2026/11/28 12:00:00 A=b", true)]
    #[case::option("2026/11/28 12:00:00 \t- Device: b", true)]
    #[case::open_list("2026/11/28 12:00:00 env [A=b C=d", true)]
    #[case::entry_whose_value_is_a_whole_list("2026/11/28 12:00:00 A=[B=c]", true)]
    #[case::whole_list("2026/11/28 12:00:00 env [A=b C=d]", false)]
    #[case::entry_without_a_date("A=b", false)]
    #[case::said("2026/11/28 12:00:00 Executing ota-agent with env", false)]
    fn a_value_goes_on_until_the_next_date(#[case] first: &str, #[case] goes_on: bool) {
        let mut reader = Reader::default();
        reader.read(first);
        let next = reader.read("Verified device");
        assert_eq!(next == Line::Given, goes_on, "{next:?}");
        let dated = reader.read("2026/11/28 12:00:00 Verified device");
        assert_eq!(dated, Line::Said("Verified device"));
        assert_eq!(reader.read("more"), Line::Said("more"));
    }
}
