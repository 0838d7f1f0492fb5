//! The token that somebody uses with the API server.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderValue,
    header::{AUTHORIZATION, HeaderMap},
};
use jiff::Timestamp;
use serde::Deserialize;

/// What a token begins with in its header.
const SCHEME: &str = "bearer";
/// Most bytes of a token that is pasted: with each request it has to fit into the head.
const LONGEST: usize = 16 * 1024;

/// A token, as the header that it is sent in.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token")
    }
}

/// What a token says of itself. It is not verified here: the API server does that.
#[derive(Deserialize)]
struct Claims {
    exp: Option<i64>,
}

impl Token {
    /// That of a request: exactly one header of the scheme Bearer.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (header, None) = (all.next()?, all.next()) else {
            return None;
        };
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case(SCHEME)
            .then(|| Self::parse(token))?
    }

    /// One that somebody pasted, with blanks and line breaks around it.
    #[must_use]
    pub fn pasted(text: &str) -> Option<Self> {
        (text.len() <= LONGEST).then(|| Self::parse(text))?
    }

    fn parse(text: &str) -> Option<Self> {
        let token = text.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(Self(header))
    }

    /// The header that it is sent in.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.0
    }

    /// The token alone.
    #[must_use]
    pub fn text(&self) -> &str {
        let header = self.0.to_str().unwrap_or_default();
        header.split_once(' ').map_or("", |(_, token)| token)
    }

    /// When it expires, where it is a JWT that says so.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let claims = self.text().split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        Timestamp::from_second(claims.exp?).ok()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual(&["Bearer abc.def"], Some("Bearer abc.def"))]
    #[case::in_small_letters(&["bearer abc"], Some("Bearer abc"))]
    #[case::none(&[], None)]
    #[case::two(&["Bearer a", "Bearer b"], None)]
    #[case::empty(&["Bearer "], None)]
    #[case::of_another_scheme(&["Basic YTpi"], None)]
    #[case::two_words(&["Bearer a b"], None)]
    fn a_token_is_one_header_of_the_scheme_bearer(
        #[case] headers: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        let token = Token::of(&map);
        let header = token.as_ref().map(|token| token.header().to_str().unwrap());
        assert_eq!(header, expected);
        assert!(!format!("{token:?}").contains("abc"));
    }

    #[rstest]
    #[case::usual("abc.def", Some("abc.def"))]
    #[case::with_a_line_break("  abc\n", Some("abc"))]
    #[case::nothing(" \n", None)]
    #[case::two_lines("a\nb", None)]
    #[case::what_no_header_has("a\u{1}b", None)]
    fn a_token_is_pasted_with_blanks_around_it(#[case] text: &str, #[case] expected: Option<&str>) {
        let token = Token::pasted(text);
        assert_eq!(token.as_ref().map(Token::text), expected);
    }

    #[test]
    fn a_token_that_does_not_fit_into_a_head_is_not_taken() {
        assert!(Token::pasted(&"x".repeat(LONGEST)).is_some());
        assert!(Token::pasted(&"x".repeat(LONGEST + 1)).is_none());
    }

    #[rstest]
    #[case::a_jwt(r#"{"exp": 1800000000, "sub": "jane"}"#, Some(1_800_000_000))]
    #[case::without_an_end(r#"{"sub": "jane"}"#, None)]
    #[case::with_an_end_that_is_none(r#"{"exp": "soon"}"#, None)]
    #[case::no_json("jane", None)]
    fn a_token_says_when_it_expires(#[case] claims: &str, #[case] expected: Option<i64>) {
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let token = Token::pasted(&format!("e30.{claims}.c2ln")).unwrap();
        assert_eq!(token.expires().map(Timestamp::as_second), expected);
        assert_eq!(Token::pasted("opaque").unwrap().expires(), None);
    }
}
