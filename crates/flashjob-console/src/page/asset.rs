//! The files that pages are made with: one style sheet, an icon, and scripts that are modules. All of them are in this program.

use std::fmt::Write as _;

use axum::{
    extract::Path,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// Media type of a script.
const SCRIPT: &str = "text/javascript";
/// The files, by name.
const FILES: [(&str, &str); 10] = [
    ("console.css", include_str!("../../assets/console.css")),
    ("clock.js", include_str!("../../assets/clock.js")),
    ("icon.svg", include_str!("../../assets/icon.svg")),
    ("enter.js", include_str!("../../assets/enter.js")),
    ("fleet.js", include_str!("../../assets/fleet.js")),
    ("live.js", include_str!("../../assets/live.js")),
    ("log.js", include_str!("../../assets/log.js")),
    ("order.js", include_str!("../../assets/order.js")),
    ("page.js", include_str!("../../assets/page.js")),
    ("rollout.js", include_str!("../../assets/rollout.js")),
];

/// One of the files. Browsers ask each time whether it is still the same, so that no page runs with the scripts of another version.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((_, text)) = FILES.iter().find(|(file, _)| *file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = kind(&name);
    let tag = tag(text);
    let known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| *known == tag);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, tag),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, *text).into_response()
}

/// Media type of a file.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "css")) => "text/css",
        Some((_, "svg")) => "image/svg+xml",
        _ => SCRIPT,
    }
}

fn tag(text: &str) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(text)[..8] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    // Quotes and hexadecimal digits are a header.
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most bytes of all scripts together.
    const MOST: usize = 150_000;

    #[tokio::test]
    async fn a_file_that_a_browser_has_is_not_sent_again() {
        let ask = async |headers| asset(Path("page.js".to_owned()), headers).await;
        let first = ask(HeaderMap::new()).await;
        assert_eq!(first.status(), 200);
        assert_eq!(first.headers()[CONTENT_TYPE], "text/javascript");
        let tag = first.headers()[ETAG].clone();
        let again = ask(HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).await;
        assert_eq!(again.status(), 304);
        let other = HeaderValue::from_static("\"0\"");
        let changed = ask(HeaderMap::from_iter([(IF_NONE_MATCH, other)])).await;
        assert_eq!(changed.status(), 200);
    }

    #[test]
    fn scripts_are_small_and_make_no_markup_of_a_text() {
        let scripts = FILES.iter().filter(|(name, _)| kind(name) == SCRIPT);
        let mut bytes = 0;
        for (name, text) in scripts {
            bytes += text.len();
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!text.contains(way), "{name} has {way}");
            }
        }
        assert!(bytes < MOST, "{bytes} bytes");
    }
}
