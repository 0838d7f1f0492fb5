//! Directives, anchors, aliases and tags. Pure.

use super::super::Error;
use super::{Kind, Mark, Scanner};

/// Digits of a version.
const MAX_DIGITS: usize = 2;

impl Scanner<'_> {
    /// `%YAML` or `%TAG`.
    pub(super) fn directive(&mut self) -> Result<(), Error> {
        let start = self.cursor.mark;
        self.cursor.skip();
        self.cursor.need(1)?;
        let mut name = String::new();
        self.letters(&mut name)?;
        let problem = if name.is_empty() {
            Some("could not find expected directive name")
        } else if !self.cursor.is_space(0) {
            Some("found unexpected non-alphabetical character")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(self.cursor.error(start, problem));
        }
        let kind = match name.as_str() {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return Err(self.cursor.error(start, "found unknown directive name")),
        };
        self.cursor.finish_line(start)?;
        self.push(start, kind);
        Ok(())
    }

    /// Letters, digits, `_` and `-`.
    fn letters(&mut self, into: &mut String) -> Result<(), Error> {
        while is_letter(self.cursor.byte(0)) {
            self.cursor.read(into);
            self.cursor.need(1)?;
        }
        Ok(())
    }

    fn version(&mut self, start: Mark) -> Result<Kind, Error> {
        self.cursor.skip_blanks()?;
        let major = self.version_number(start)?;
        if self.cursor.byte(0) != b'.' {
            let problem = "did not find expected digit or '.' character";
            return Err(self.cursor.error(start, problem));
        }
        self.cursor.skip();
        let minor = self.version_number(start)?;
        Ok(Kind::Version((major, minor) == (1, 1)))
    }

    fn version_number(&mut self, start: Mark) -> Result<u8, Error> {
        self.cursor.need(1)?;
        let (mut value, mut length) = (0, 0);
        while self.cursor.byte(0).is_ascii_digit() {
            length += 1;
            if length > MAX_DIGITS {
                let problem = "found extremely long version number";
                return Err(self.cursor.error(start, problem));
            }
            value = value * 10 + (self.cursor.byte(0) - b'0');
            self.cursor.skip();
            self.cursor.need(1)?;
        }
        if length == 0 {
            let problem = "did not find expected version number";
            return Err(self.cursor.error(start, problem));
        }
        Ok(value)
    }

    fn tag_directive(&mut self, start: Mark) -> Result<Kind, Error> {
        self.cursor.skip_blanks()?;
        let handle = self.tag_handle(true, start)?;
        self.cursor.need(1)?;
        if !self.cursor.is_blank(0) {
            let problem = "did not find expected whitespace";
            return Err(self.cursor.error(start, problem));
        }
        self.cursor.skip_blanks()?;
        let prefix = self.tag_uri("", start)?;
        self.cursor.need(1)?;
        if !self.cursor.is_space(0) {
            let problem = "did not find expected whitespace or line break";
            return Err(self.cursor.error(start, problem));
        }
        Ok(Kind::TagDirective(handle, prefix))
    }

    /// `&name` or `*name`. A `:` ends the name and begins the text.
    pub(super) fn anchor(&mut self, kind: impl Fn(String) -> Kind) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        self.cursor.skip();
        self.cursor.need(1)?;
        let mut name = String::new();
        self.letters(&mut name)?;
        let ends = self.cursor.is_space(0)
            || matches!(
                self.cursor.byte(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !ends {
            let problem = "did not find expected alphabetic or numeric character";
            return Err(self.cursor.error(start, problem));
        }
        self.push(start, kind(name));
        Ok(())
    }

    /// `!tag`, `!!tag`, `!handle!tag` or `!<uri>`.
    pub(super) fn tag(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        self.cursor.need(2)?;
        let (handle, suffix) = if self.cursor.byte(1) == b'<' {
            self.cursor.skip();
            self.cursor.skip();
            let uri = self.tag_uri("", start)?;
            if self.cursor.byte(0) != b'>' {
                return Err(self.cursor.error(start, "did not find the expected '>'"));
            }
            self.cursor.skip();
            (String::new(), uri)
        } else {
            let handle = self.tag_handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                let suffix = self.tag_uri("", start)?;
                (handle, suffix)
            } else {
                match self.tag_uri(&handle, start)? {
                    // A lone `!`: not a handle but the tag itself.
                    suffix if suffix.is_empty() => (String::new(), "!".to_owned()),
                    suffix => ("!".to_owned(), suffix),
                }
            }
        };
        self.cursor.need(1)?;
        if !self.cursor.is_space(0) {
            let problem = "did not find expected whitespace or line break";
            return Err(self.cursor.error(start, problem));
        }
        self.push(start, Kind::Tag(handle, suffix));
        Ok(())
    }

    fn tag_handle(&mut self, directive: bool, start: Mark) -> Result<String, Error> {
        self.cursor.need(1)?;
        if self.cursor.byte(0) != b'!' {
            return Err(self.cursor.error(start, "did not find expected '!'"));
        }
        let mut handle = String::new();
        self.cursor.read(&mut handle);
        self.cursor.need(1)?;
        self.letters(&mut handle)?;
        if self.cursor.byte(0) == b'!' {
            self.cursor.read(&mut handle);
        } else if directive && handle != "!" {
            return Err(self.cursor.error(start, "did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag that begins with `head`.
    fn tag_uri(&mut self, head: &str, start: Mark) -> Result<String, Error> {
        let mut found = !head.is_empty();
        let mut uri: Vec<u8> = head.bytes().skip(1).collect();
        self.cursor.need(1)?;
        loop {
            let byte = self.cursor.byte(0);
            if byte == b'%' {
                self.uri_escapes(start, &mut uri)?;
            } else if is_letter(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte) {
                uri.push(byte);
                self.cursor.skip();
            } else {
                break;
            }
            self.cursor.need(1)?;
            found = true;
        }
        if !found {
            let problem = "did not find expected tag URI";
            return Err(self.cursor.error(start, problem));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// One character, whose bytes are escaped.
    fn uri_escapes(&mut self, start: Mark, uri: &mut Vec<u8>) -> Result<(), Error> {
        let mut left = None;
        while left != Some(0) {
            self.cursor.need(3)?;
            let digit = |offset| char::from(self.cursor.byte(offset)).to_digit(16);
            let (b'%', Some(high), Some(low)) = (self.cursor.byte(0), digit(1), digit(2)) else {
                let problem = "did not find URI escaped octet";
                return Err(self.cursor.error(start, problem));
            };
            let octet = u8::try_from(high << 4 | low).unwrap_or(0);
            let rest = match (left, octet) {
                (None, 0..=0x7f) => 0,
                (None, 0xc0..=0xdf) => 1,
                (None, 0xe0..=0xef) => 2,
                (None, 0xf0..=0xf7) => 3,
                (Some(left), 0x80..=0xbf) => left - 1,
                (None, _) => {
                    let problem = "found an incorrect leading UTF-8 octet";
                    return Err(self.cursor.error(start, problem));
                }
                (Some(_), _) => {
                    let problem = "found an incorrect trailing UTF-8 octet";
                    return Err(self.cursor.error(start, problem));
                }
            };
            uri.push(octet);
            (0..3).for_each(|_| self.cursor.skip());
            left = Some(rest);
        }
        Ok(())
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
