//! Formats of texts as Helm's schema library checks them. Pure.

use std::net::Ipv6Addr;

use super::address;
use crate::go_regexp;
use crate::yaml::days_in_month;

/// A check, by the name of the format.
type Format = (&'static str, fn(&str) -> bool);

/// All formats that Helm's library knows, and those that only the crate knows: any text passes those.
pub(super) const FORMATS: [Format; 21] = [
    ("json-pointer", json_pointer),
    ("relative-json-pointer", relative_json_pointer),
    ("uuid", uuid),
    ("duration", duration),
    ("period", period),
    ("ipv4", ipv4),
    ("ipv6", ipv6),
    ("hostname", hostname),
    ("email", email),
    ("date", date),
    ("time", time),
    ("date-time", date_time),
    ("uri", address::uri),
    ("iri", address::uri),
    ("uri-reference", address::reference),
    ("iri-reference", address::reference),
    ("uri-template", address::template),
    ("semver", semver),
    ("regex", |text| go_regexp::translate(text, false).is_ok()),
    ("idn-email", |_| true),
    ("idn-hostname", |_| true),
];

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Go's `strconv.Atoi` of a number that is not negative.
fn number(text: &str) -> Option<u32> {
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = plain
        .parse()
        .ok()
        .filter(|_| digits(plain) == plain.len())?;
    (!text.starts_with('-') || value == 0).then_some(value)
}

fn json_pointer(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return text.is_empty();
    };
    rest.split('~')
        .skip(1)
        .all(|part| part.starts_with(['0', '1']))
}

fn relative_json_pointer(text: &str) -> bool {
    let count = digits(text);
    let rest = &text[count..];
    count > 0 && !(count > 1 && text.starts_with('0')) && (rest == "#" || json_pointer(rest))
}

fn uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let of_length = |(group, length): (&&str, usize)| {
        group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    groups.len() == 5 && groups.iter().zip([8, 4, 4, 4, 12]).all(of_length)
}

fn duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P').filter(|rest| !rest.is_empty()) else {
        return false;
    };
    if let Some(weeks) = rest.strip_suffix('W') {
        return !weeks.is_empty() && digits(weeks) == weeks.len();
    }
    let mut parts = rest.split('T');
    let days = parts.next().is_none_or(|part| in_units(part, "YMD"));
    let hours = parts
        .next()
        .is_none_or(|part| !part.is_empty() && in_units(part, "HMS"));
    days && hours && parts.next().is_none()
}

/// Numbers with units, each once at most and in order.
fn in_units(mut text: &str, mut units: &str) -> bool {
    while !text.is_empty() {
        let count = digits(text);
        let Some(unit) = text[count..].chars().next() else {
            return false;
        };
        let Some(place) = units.find(unit).filter(|_| count > 0) else {
            return false;
        };
        units = &units[place + 1..];
        text = &text[count + unit.len_utf8()..];
    }
    true
}

fn period(text: &str) -> bool {
    let Some((start, end)) = text.split_once('/') else {
        return false;
    };
    if start.starts_with('P') {
        return duration(start) && date_time(end);
    }
    let ends = if end.starts_with('P') {
        duration(end)
    } else {
        date_time(end)
    };
    date_time(start) && ends
}

fn ipv4(text: &str) -> bool {
    let groups: Vec<&str> = text.split('.').collect();
    let decimal = |group: &&str| {
        !(group.len() > 1 && group.starts_with('0')) && number(group).is_some_and(|part| part < 256)
    };
    groups.len() == 4 && groups.iter().all(decimal)
}

pub(super) fn ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

fn hostname(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(letter)
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let local_is_good = if quoted {
        !local[1..local.len() - 1].contains(['\\', '"'])
    } else {
        let letter =
            |one: char| one.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(one);
        !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(letter)
    };
    let inner = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let domain_is_good = match inner {
        Some(inner) => inner
            .strip_prefix("IPv6:")
            .map_or_else(|| ipv4(inner), ipv6),
        None => hostname(domain),
    };
    text.len() <= 254 && local.len() <= 64 && local_is_good && domain_is_good
}

fn date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let part = |from: usize, to: usize| -> Option<u32> {
        let part = text.get(from..to)?;
        part.parse().ok().filter(|_| digits(part) == part.len())
    };
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(5, 7), part(8, 10)) else {
        return false;
    };
    bytes.len() == 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
}

fn time(text: &str) -> bool {
    let (Some(clock), Some(rest)) = (text.get(..8), text.get(8..)) else {
        return false;
    };
    let parts: Option<Vec<u32>> = clock.splitn(3, ':').map(number).collect();
    let colons = clock.as_bytes()[2] == b':' && clock.as_bytes()[5] == b':';
    let Some(&[hour, minute, second]) = parts.as_deref().filter(|_| colons) else {
        return false;
    };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) if digits(fraction) == 0 => return false,
        Some(fraction) => &fraction[digits(fraction)..],
        None => rest,
    };
    let Some(offset) = offset(rest) else {
        return false;
    };
    let in_range = hour < 24 && minute < 60 && second <= 60;
    // A leap second is the last one of a day in Greenwich.
    let minutes = i64::from(hour) * 60 + i64::from(minute) + offset;
    let minutes = if minutes < 0 {
        minutes + 24 * 60
    } else {
        minutes
    };
    in_range && (second < 60 || minutes == 23 * 60 + 59)
}

/// Minutes to be added to get the time in Greenwich.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "z" | "Z") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes() {
        [b'+', ..] if text.len() == 6 => (-1, &text[1..]),
        [b'-', ..] if text.len() == 6 => (1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, _)| hours.len() == 2)?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes))
}

fn date_time(text: &str) -> bool {
    let parts = text.get(..10).zip(text.get(10..11)).zip(text.get(11..));
    parts.is_some_and(|((day, between), clock)| {
        text.len() >= 20 && matches!(between, "t" | "T") && date(day) && time(clock)
    })
}

fn semver(text: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let all_digits = |part: &str| digits(part) == part.len();
    let no_zero = |part: &str| !(part.len() > 1 && part.starts_with('0'));
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, before) = text
        .split_once('-')
        .map_or((text, None), |(core, before)| (core, Some(before)));
    let core: Vec<&str> = core.split('.').collect();
    build.is_none_or(|build| build.split('.').all(letters))
        && before.is_none_or(|before| {
            let mut parts = before.split('.');
            parts.all(|part| letters(part) && (!all_digits(part) || no_zero(part)))
        })
        && core.len() == 3
        && core
            .iter()
            .all(|part| !part.is_empty() && all_digits(part) && no_zero(part))
}
