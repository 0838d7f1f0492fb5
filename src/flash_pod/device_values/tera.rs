//! Tera, with what could grow without bound bounded. Pure: no files, no environment, no clock.

use std::io::{self, Write};

use serde_json::Value;
use tera::{Context, Error, ErrorKind, Kwargs, State, Tera, TeraResult};

use helm_chart::pointer::Pointer;

use super::context;
use super::leaf::LeafError;

/// Largest text that a filter may make.
const MAX_FILTERED: usize = 64 * 1024;
/// What is said when a result is larger than it may be.
pub(super) const TOO_LARGE: &str = "the result is too large";

/// Compiled templates, found by their place.
#[derive(Debug)]
pub(super) struct Templates(Tera);

/// The document that templates see.
pub(super) fn visible(document: &Value) -> Context {
    Context::from_serialize(document).expect("the context is a map with string keys")
}

impl Templates {
    pub(super) fn new() -> Self {
        let mut tera = Tera::default();
        tera.autoescape_on(Vec::<&str>::new());
        tera.register_filter("replace", replace);
        tera.register_filter("join", join);
        Self(tera)
    }

    pub(super) fn add(&mut self, place: &Pointer, text: &str) -> Result<(), LeafError> {
        let name = place.to_string();
        let syntax = |error: Error| LeafError::Syntax(message(&error));
        self.0.add_raw_template(&name, text).map_err(syntax)?;
        // What may be named was decided from our tokens; Tera's own reading must agree.
        let named = self.0.get_template_variables(&name).map_err(syntax)?;
        match named.into_iter().find(|root| !context::is_root(root)) {
            Some(root) => Err(LeafError::unknown(root.to_owned(), "")),
            None => Ok(()),
        }
    }

    /// Renders the template of `place` into at most `limit` bytes.
    pub(super) fn render(
        &self,
        place: &Pointer,
        context: &Context,
        limit: usize,
    ) -> Result<String, String> {
        let mut bounded = Bounded {
            text: Vec::new(),
            limit,
            is_over: false,
        };
        let rendered = self.0.render_to(&place.to_string(), context, &mut bounded);
        if bounded.is_over {
            return Err(TOO_LARGE.to_owned());
        }
        rendered.map_err(|error| message(&error))?;
        String::from_utf8(bounded.text).map_err(|_| "the result is not text".to_owned())
    }
}

/// What Tera says, without the excerpt it draws.
fn message(error: &Error) -> String {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            report.message().to_owned()
        }
        _ => error.to_string(),
    }
}

struct Bounded {
    text: Vec<u8>,
    limit: usize,
    is_over: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            self.is_over = true;
            return Err(io::Error::other(TOO_LARGE));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tera's `replace`, bounded.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a Tera filter"
)]
fn replace(text: &str, args: Kwargs, _: &State) -> TeraResult<String> {
    let from: &str = args.must_get("from")?;
    let to: &str = args.must_get("to")?;
    bounded(text.len() + text.matches(from).count() * to.len())?;
    Ok(text.replace(from, to))
}

/// Tera's `join`, bounded.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a Tera filter"
)]
fn join(items: &[tera::Value], args: Kwargs, _: &State) -> TeraResult<String> {
    let separator: &str = args.get("sep")?.unwrap_or_default();
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    bounded(items.iter().map(|item| item.len() + separator.len()).sum())?;
    Ok(items.join(separator))
}

fn bounded(length: usize) -> TeraResult<()> {
    if length > MAX_FILTERED {
        return Err(Error::message(TOO_LARGE));
    }
    Ok(())
}
