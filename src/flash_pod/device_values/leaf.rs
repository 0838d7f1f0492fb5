//! What one template may do: name the context's fields, use filters that cannot grow without bound, choose by `if`. Pure.
//!
//! Everything is decided from the tokens, when the file is loaded. What is not listed here is refused.

use std::fmt;

use serde_json::Value;

use super::context::{self, Shape};
use super::scan::{Block, Token, scan};

/// Longest template.
const MAX_LENGTH: usize = 4096;
/// Most filters in one template.
const MAX_FILTERS: usize = 16;

const TAGS: [&str; 4] = ["if", "elif", "else", "endif"];
const WORDS: [&str; 14] = [
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "True", "False", "none", "None",
    "null",
];
const SIGNS: [&str; 22] = [
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", ">=", "<=", ">", "<", "~", "|", ".", "?.",
    "?[", ",", "[", "]", "=",
];
const BRACKETS: [&str; 3] = ["(", ")", ":"];
pub(super) const FILTERS: [&str; 29] = [
    "default",
    "upper",
    "lower",
    "trim",
    "trim_start",
    "trim_end",
    "replace",
    "capitalize",
    "title",
    "truncate",
    "str",
    "int",
    "float",
    "length",
    "reverse",
    "split",
    "abs",
    "round",
    "first",
    "last",
    "nth",
    "join",
    "sort",
    "unique",
    "get",
    "values",
    "keys",
    "wordcount",
    "pluralize",
];

/// The name of a value of the context, such as `device.properties["ZONE"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// A template that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Everything that it names, in the order it does.
    pub(super) variables: Vec<Variable>,
    /// Whether it is a single `{{ name }}`, which keeps the type of what it names.
    pub(super) is_bare: bool,
}

/// Why a template may not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// It names something that the context does not have.
    #[error("unknown variable {name}: {known}")]
    UnknownVariable {
        /// What it names.
        name: String,
        /// What it could have named.
        known: String,
    },
    /// It uses a statement that templates of values do not have.
    #[error(
        "{{% {0} %}} is not allowed here: templates of values know only if, elif, else and endif"
    )]
    Tag(String),
    /// It loops.
    #[error("`for` is not allowed here: templates of values have no loops")]
    Loop,
    /// It calls a function.
    #[error("function {0} is not allowed here: templates of values know only throw")]
    Function(String),
    /// It uses a filter that is not listed.
    #[error("filter {0} is not allowed here: known are {known}", known = FILTERS.join(", "))]
    Filter(String),
    /// It uses a sign that is not listed.
    #[error("`{0}` is not allowed here")]
    Sign(String),
    /// It is too long, or uses too many filters.
    #[error("longer than {MAX_LENGTH} bytes or more than {MAX_FILTERS} filters: make it shorter")]
    TooLong,
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
}

impl LeafError {
    /// An unknown name under `root`.
    pub(super) fn unknown(name: String, root: &str) -> Self {
        Self::UnknownVariable {
            name,
            known: context::known(root),
        }
    }
}

/// Whether a string is a template at all.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Decides whether a template may be used, and what it names.
pub(super) fn check(text: &str) -> Result<Leaf, LeafError> {
    if text.len() > MAX_LENGTH {
        return Err(LeafError::TooLong);
    }
    let scan = scan(text).map_err(|unclosed| LeafError::Syntax(unclosed.0.to_owned()))?;
    let mut names = Names::default();
    for block in &scan.blocks {
        names.read(block)?;
    }
    if names.filters > MAX_FILTERS {
        return Err(LeafError::TooLong);
    }
    let is_bare = scan.is_one_expression && names.is_path_alone;
    Ok(Leaf {
        variables: names.variables,
        is_bare,
    })
}

#[derive(Default)]
struct Names {
    variables: Vec<Variable>,
    filters: usize,
    /// Whether the block read last was one path and nothing else.
    is_path_alone: bool,
}

impl Names {
    fn read(&mut self, block: &Block<'_>) -> Result<(), LeafError> {
        let tokens = &block.tokens;
        let is_loop =
            |pair: &[Token<'_>]| pair[1] == Token::Word("for") && pair[0] != Token::Sign(".");
        if !block.is_tag && tokens.windows(2).any(is_loop) {
            return Err(LeafError::Loop);
        }
        let mut at = 0;
        if block.is_tag {
            match tokens.first() {
                Some(Token::Word(tag)) if TAGS.contains(tag) => at = 1,
                Some(Token::Word(tag)) => return Err(LeafError::Tag((*tag).to_owned())),
                _ => {
                    return Err(LeafError::Syntax(
                        "a statement begins with no word".to_owned(),
                    ));
                }
            }
        }
        self.is_path_alone = false;
        while at < tokens.len() {
            at = self.read_token(tokens, at)?;
        }
        Ok(())
    }

    /// Reads the token at `at`; returns where the next one is.
    fn read_token(&mut self, tokens: &[Token<'_>], at: usize) -> Result<usize, LeafError> {
        let word = match &tokens[at] {
            Token::Text(_) | Token::Number(_) => return Ok(at + 1),
            Token::Sign(sign) => return check_sign(sign, tokens.get(at + 1)).map(|()| at + 1),
            Token::Word(word) => *word,
        };
        let before = at.checked_sub(1).map(|at| &tokens[at]);
        let after = tokens.get(at + 1);
        match before {
            Some(Token::Sign("|")) => {
                self.filters += 1;
                let known = FILTERS.contains(&word);
                return if known {
                    Ok(at + 1)
                } else {
                    Err(LeafError::Filter(word.to_owned()))
                };
            }
            // A field of an expression in brackets; a test, which Tera knows.
            Some(Token::Sign("." | "?.") | Token::Word("is")) => return Ok(at + 1),
            Some(Token::Word("not")) if at >= 2 && tokens[at - 2] == Token::Word("is") => {
                return Ok(at + 1);
            }
            _ => {}
        }
        match (word, after) {
            (word, _) if WORDS.contains(&word) => Ok(at + 1),
            (_, Some(Token::Sign("="))) | ("throw", Some(Token::Sign("("))) => Ok(at + 1),
            (word, Some(Token::Sign("("))) => Err(LeafError::Function(word.to_owned())),
            _ => self.read_variable(tokens, at),
        }
    }

    fn read_variable(&mut self, tokens: &[Token<'_>], start: usize) -> Result<usize, LeafError> {
        let Token::Word(root) = &tokens[start] else {
            return Ok(start + 1);
        };
        let mut steps = vec![Step::Key((*root).to_owned())];
        let mut at = start + 1;
        let mut is_plain = true;
        while let Some((step, length)) = step(&tokens[at..]) {
            is_plain &= !matches!(tokens[at], Token::Sign("?." | "?["));
            steps.push(step);
            at += length;
        }
        let variable = Variable(steps);
        variable.check()?;
        self.variables.push(variable);
        self.is_path_alone = is_plain && start == 0 && at == tokens.len();
        Ok(at)
    }
}

fn check_sign(sign: &str, after: Option<&Token<'_>>) -> Result<(), LeafError> {
    let is_component = sign == "/" && after == Some(&Token::Sign(">"));
    if is_component || !(SIGNS.contains(&sign) || BRACKETS.contains(&sign)) {
        return Err(LeafError::Sign(sign.to_owned()));
    }
    Ok(())
}

/// The step that the tokens begin with, and how many tokens it takes.
fn step(tokens: &[Token<'_>]) -> Option<(Step, usize)> {
    match tokens {
        [Token::Sign("." | "?."), Token::Word(key), ..] => Some((Step::Key((*key).to_owned()), 2)),
        [
            Token::Sign("[" | "?["),
            Token::Text(key),
            Token::Sign("]"),
            ..,
        ] if !key.contains('\\') => Some((Step::Key((*key).to_owned()), 3)),
        [
            Token::Sign("[" | "?["),
            Token::Number(index),
            Token::Sign("]"),
            ..,
        ] => Some((Step::Index(index.parse().ok()?), 3)),
        _ => None,
    }
}

impl Variable {
    /// Whether the context has such a name.
    fn check(&self) -> Result<(), LeafError> {
        let unknown = |root: &str| Err(LeafError::unknown(self.to_string(), root));
        let [Step::Key(root), rest @ ..] = self.0.as_slice() else {
            return unknown("");
        };
        let [Step::Key(field), rest @ ..] = rest else {
            return unknown(root);
        };
        match (context::shape(root, field), rest) {
            (Some(_), [])
            | (Some(Shape::List), [Step::Index(_)])
            | (Some(Shape::Map), [Step::Key(_)]) => Ok(()),
            _ => unknown(root),
        }
    }

    /// What the context holds under this name.
    pub(super) fn get<'a>(&self, context: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(context, |value, step| match step {
            Step::Key(key) => value.get(key.as_str()),
            Step::Index(index) => value.get(index),
        })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) if is_word(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
