//! The places of a source file that can be changed, by where the mutants say that they begin.

use std::collections::HashMap;

use proc_macro2::Span;
use syn::{
    BinOp, Expr,
    spanned::Spanned as _,
    visit::{self, Visit},
};

use crate::mutant::{Genre, Place};

/// First byte of a piece of the source, and the first after it.
pub type Range = std::ops::Range<usize>;

/// A place that can be changed.
#[derive(Clone, Debug)]
pub struct Site {
    /// What it is.
    pub kind: Kind,
    /// Why it cannot ask the switch.
    pub untried: Option<&'static str>,
}

/// What can be changed.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An operator between two operands.
    Binary {
        left: Range,
        operator: Range,
        right: Range,
    },
    /// An operator before its operand.
    Unary { whole: Range, operand: Range },
    /// The condition of a match arm.
    Guard { whole: Range },
    /// A match arm.
    Arm {
        pattern: Range,
        guard: Option<Range>,
    },
    /// A field of a struct expression that has a base.
    Field {
        value: Range,
        name: String,
        shorthand: bool,
        base: Range,
        path: Range,
    },
    /// The statements of a function.
    Body { whole: Range },
}

/// All places of a file.
pub fn sites(source: &str) -> syn::Result<HashMap<(Place, Genre), Site>> {
    let mut lines = vec![0];
    lines.extend(source.match_indices('\n').map(|(at, _)| at + 1));
    let file = syn::parse_file(source)?;
    let mut visitor = Visitor {
        source,
        lines,
        constant: false,
        chain: false,
        found: HashMap::new(),
    };
    visitor.visit_file(&file);
    Ok(visitor.found)
}

struct Visitor<'s> {
    source: &'s str,
    lines: Vec<usize>,
    /// What is visited is evaluated by the compiler.
    constant: bool,
    /// What is visited is an operand of a chain that has a `let`.
    chain: bool,
    found: HashMap<(Place, Genre), Site>,
}

impl Visitor<'_> {
    fn byte(&self, place: proc_macro2::LineColumn) -> usize {
        let start = self.lines[place.line - 1];
        let before = self.source[start..].chars().take(place.column);
        start + before.map(char::len_utf8).sum::<usize>()
    }

    fn range(&self, span: Span) -> Range {
        self.byte(span.start())..self.byte(span.end())
    }

    fn add(&mut self, genre: Genre, at: Span, kind: Kind) {
        self.add_unless(genre, at, kind, None);
    }

    fn add_unless(&mut self, genre: Genre, at: Span, kind: Kind, why: Option<&'static str>) {
        let untried = self.constant.then_some("const").or(why);
        let start = at.start();
        let place = Place {
            line: start.line,
            column: start.column + 1,
        };
        self.found.insert((place, genre), Site { kind, untried });
    }

    fn within(&mut self, constant: bool, visit: impl FnOnce(&mut Self)) {
        let before = (self.constant, self.chain);
        (self.constant, self.chain) = (constant, false);
        visit(self);
        (self.constant, self.chain) = before;
    }

    /// Adds the body of a function, and visits what is in it.
    fn function(
        &mut self,
        signature: &syn::Signature,
        block: &syn::Block,
        visit: impl FnOnce(&mut Self),
    ) {
        self.within(signature.constness.is_some(), |this| {
            this.body(signature, block);
            visit(this);
        });
    }

    fn body(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else {
            return;
        };
        let opaque = matches!(&signature.output, syn::ReturnType::Type(_, output) if matches!(**output, syn::Type::ImplTrait(_)));
        let whole = self.range(first.span()).start..self.range(last.span()).end;
        let why = opaque.then_some("impl Trait");
        self.add_unless(Genre::FnValue, first.span(), Kind::Body { whole }, why);
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(both) => is_and(both) && (has_let(&both.left) || has_let(&both.right)),
        _ => false,
    }
}

fn is_and(expr: &syn::ExprBinary) -> bool {
    matches!(expr.op, BinOp::And(_))
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block, |this| {
            visit::visit_item_fn(this, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |this| {
            visit::visit_impl_item_fn(this, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        // Without a body there is nothing to change.
        if let Some(block) = &item.default {
            self.function(&item.sig, block, |this| {
                visit::visit_trait_item_fn(this, item);
            });
        }
    }

    fn visit_expr_closure(&mut self, item: &'ast syn::ExprClosure) {
        self.within(false, |this| visit::visit_expr_closure(this, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.within(true, |this| visit::visit_item_const(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.within(true, |this| visit::visit_impl_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.within(true, |this| visit::visit_item_static(this, item));
    }

    fn visit_type(&mut self, item: &'ast syn::Type) {
        self.within(true, |this| visit::visit_type(this, item));
    }

    fn visit_pat(&mut self, item: &'ast syn::Pat) {
        match item {
            syn::Pat::Guard(guarded) => {
                self.visit_pat(&guarded.pat);
                self.visit_expr(&guarded.guard);
            }
            _ => self.within(true, |this| visit::visit_pat(this, item)),
        }
    }

    fn visit_expr_repeat(&mut self, item: &'ast syn::ExprRepeat) {
        self.visit_expr(&item.expr);
        self.within(true, |this| this.visit_expr(&item.len));
    }

    fn visit_expr_binary(&mut self, item: &'ast syn::ExprBinary) {
        let chain = is_and(item) && (self.chain || has_let(&item.left) || has_let(&item.right));
        let kind = Kind::Binary {
            left: self.range(item.left.span()),
            operator: self.range(item.op.span()),
            right: self.range(item.right.span()),
        };
        // A let chain does not allow `||`.
        let why = chain.then_some("let chain");
        self.add_unless(Genre::BinaryOperator, item.op.span(), kind, why);
        let before = std::mem::replace(&mut self.chain, chain);
        visit::visit_expr_binary(self, item);
        self.chain = before;
    }

    fn visit_expr_paren(&mut self, item: &'ast syn::ExprParen) {
        let before = std::mem::replace(&mut self.chain, false);
        visit::visit_expr_paren(self, item);
        self.chain = before;
    }

    fn visit_expr_unary(&mut self, item: &'ast syn::ExprUnary) {
        let kind = Kind::Unary {
            whole: self.range(item.span()),
            operand: self.range(item.expr.span()),
        };
        self.add(Genre::UnaryOperator, item.op.span(), kind);
        visit::visit_expr_unary(self, item);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let (pattern, guard) = match &arm.pat {
            syn::Pat::Guard(guarded) => (guarded.pat.span(), Some(guarded.guard.span())),
            pattern => (pattern.span(), None),
        };
        let kind = Kind::Arm {
            pattern: self.range(pattern),
            guard: guard.map(|guard| self.range(guard)),
        };
        self.add(Genre::MatchArm, arm.span(), kind);
        if let Some(guard) = guard {
            self.add(
                Genre::MatchArmGuard,
                guard,
                Kind::Guard {
                    whole: self.range(guard),
                },
            );
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        for field in item.rest.iter().flat_map(|_| &item.fields) {
            let (syn::Member::Named(name), Some(base)) = (&field.member, &item.rest) else {
                continue;
            };
            let kind = Kind::Field {
                value: self.range(field.expr.span()),
                name: name.to_string(),
                shorthand: field.colon_token.is_none(),
                base: self.range(base.span()),
                path: self.range(item.path.span()),
            };
            self.add(Genre::StructField, field.span(), kind);
        }
        visit::visit_expr_struct(self, item);
    }
}
