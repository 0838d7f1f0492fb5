//! Rules of Go's parser about blocks and declarations that `gotmpl` does not enforce. Pure; called by `source`.

use super::error::NO_MISTAKE;
use super::scan::{Action, Token};
use super::source::{SyntaxError, line_at};

/// Blocks within each other, and their alternatives.
const MAX_DEPTH: usize = 200;
/// Levels of blocks and parentheses that the parser reads.
const PARSED: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    If,
    With,
    Range,
    Define,
    /// The part after `else`: no second one, and no `break` of this block's range.
    Else,
}

/// Checks nesting of blocks, places of `define`, `else`, `break` and `continue`, and forms of declarations.
///
/// # Errors
/// The first violation, with its line.
pub fn check(source: &str, actions: &[Action<'_>]) -> Result<(), SyntaxError> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut depth = Depth::default();
    for action in actions {
        let outcome = one(&action.tokens, &mut blocks)
            .and_then(|()| depth.follow(&action.tokens, blocks.len()))
            .and_then(|()| declaration(&action.tokens));
        outcome.map_err(|message| at(source, action.offset, message))?;
    }
    if blocks.is_empty() {
        Ok(())
    } else {
        Err(at(
            source,
            source.len(),
            "unexpected EOF: a block has no {{end}}".to_owned(),
        ))
    }
}

/// How deep the tree becomes: an `else if` stands within the block before it, and the parser counts none of them.
#[derive(Default)]
struct Depth {
    /// Alternatives so far of each open block.
    alternatives: Vec<usize>,
    /// All of them together.
    sum: usize,
}

impl Depth {
    fn follow(&mut self, tokens: &[Token<'_>], open: usize) -> Result<(), String> {
        while self.alternatives.len() > open {
            self.sum -= self.alternatives.pop().unwrap_or(0);
        }
        self.alternatives.resize(open, 0);
        if let ([Token::Word("else"), Token::Word(_), ..], Some(last)) =
            (tokens, self.alternatives.last_mut())
        {
            *last += 1;
            self.sum += 1;
        }
        if open + self.sum > MAX_DEPTH || open + parentheses(tokens) >= PARSED {
            return Err(format!("nesting depth exceeded; {NO_MISTAKE}"));
        }
        Ok(())
    }
}

/// Levels of parentheses.
fn parentheses(tokens: &[Token<'_>]) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for token in tokens {
        match token {
            Token::Sign("(") => open += 1,
            Token::Sign(")") => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn at(source: &str, offset: usize, message: String) -> SyntaxError {
    let line = line_at(source, offset);
    SyntaxError { line, message }
}

fn one(tokens: &[Token<'_>], blocks: &mut Vec<Block>) -> Result<(), String> {
    let Some(Token::Word(word)) = tokens.first() else {
        return Ok(());
    };
    match *word {
        "if" => blocks.push(Block::If),
        "with" => blocks.push(Block::With),
        "range" => blocks.push(Block::Range),
        "define" if !blocks.is_empty() => {
            return Err("unexpected {{define}} inside another block".to_owned());
        }
        "block" if tokens.len() < 3 => return Err("missing value for block clause".to_owned()),
        "define" | "block" => blocks.push(Block::Define),
        "end" => {
            blocks.pop().ok_or("unexpected {{end}}")?;
        }
        "else" => alternative(tokens, blocks)?,
        "break" | "continue" => {
            let inner = blocks
                .iter()
                .rev()
                .take_while(|block| **block != Block::Define);
            if !inner.clone().any(|block| *block == Block::Range) {
                return Err(format!("{{{{{word}}}}} outside {{{{range}}}}"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn alternative(tokens: &[Token<'_>], blocks: &mut [Block]) -> Result<(), String> {
    let Some(block) = blocks.last_mut() else {
        return Err("unexpected {{else}}".to_owned());
    };
    match (*block, tokens.get(1)) {
        (Block::If, Some(Token::Word("if"))) | (Block::With, Some(Token::Word("with"))) => Ok(()),
        (Block::If | Block::With | Block::Range, None) => {
            *block = Block::Else;
            Ok(())
        }
        _ => Err("unexpected {{else}}".to_owned()),
    }
}

fn declaration(tokens: &[Token<'_>]) -> Result<(), String> {
    let Some(index) = tokens
        .iter()
        .position(|token| matches!(token, Token::Sign("=" | ":=")))
    else {
        return Ok(());
    };
    let plain = |token: &Token<'_>| matches!(token, Token::Variable(name) if !name.contains('.'));
    let allowed = match &tokens[..index] {
        [Token::Word("range"), first, Token::Sign(","), second] => plain(first) && plain(second),
        [Token::Word("else"), Token::Word("if" | "with"), variable]
        | [Token::Word("if" | "with" | "range"), variable]
        | [variable] => plain(variable),
        // `template "x" $y := …` and declarations in parentheses: Go accepts them, the parser does not.
        _ => false,
    };
    if allowed {
        Ok(())
    } else {
        Err("a declaration has to stand at the start of its action".to_owned())
    }
}
