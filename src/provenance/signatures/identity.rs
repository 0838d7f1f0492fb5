//! Whose keyless signatures are trusted: rules about the issuer and the subject of a certificate, in the words of sigstore's
//! policy-controller. Pure.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::api::SignerIdentity;

/// Most bytes of a compiled expression.
const MAX_SIZE: usize = 256 * 1024;

/// A text of a certificate has to be this, or has to match that.
#[derive(Clone, Debug)]
pub enum Rule {
    /// The very text.
    Exactly(String),
    /// A regular expression, which may match anywhere in the text.
    Matching(Regex),
}

/// A signer whom a class trusts.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who vouches for the subject, such as `https://token.actions.githubusercontent.com`.
    pub issuer: Rule,
    /// Who signed, such as the address of a workflow.
    pub subject: Rule,
}

/// Why a rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Neither a text nor an expression is there, or both are.
    #[error("name either {0} or {0}RegExp")]
    One(&'static str),
    /// The expression is not one.
    #[error("{0}RegExp {1:?}: {2}")]
    Expression(&'static str, String, String),
}

impl Rule {
    fn parse(
        field: &'static str,
        text: Option<&str>,
        expression: Option<&str>,
    ) -> Result<Self, IdentityError> {
        match (text, expression) {
            (Some(text), None) => Ok(Self::Exactly(text.to_owned())),
            (None, Some(expression)) => {
                let built = RegexBuilder::new(expression).size_limit(MAX_SIZE).build();
                let fault = |error: regex::Error| {
                    // The last line says what is wrong; those before draw where.
                    let text = error.to_string();
                    let said = text.lines().last().unwrap_or_default();
                    let said = said.trim_start_matches("error: ").to_owned();
                    IdentityError::Expression(field, expression.to_owned(), said)
                };
                built.map(Self::Matching).map_err(fault)
            }
            _ => Err(IdentityError::One(field)),
        }
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Matching(expression) => expression.is_match(text),
        }
    }
}

impl Identity {
    /// Reads what a class says of a signer.
    ///
    /// # Errors
    /// When issuer or subject are named in no way or in two, or an expression cannot be read.
    pub fn of(said: &SignerIdentity) -> Result<Self, IdentityError> {
        let SignerIdentity {
            issuer,
            issuer_reg_exp,
            subject,
            subject_reg_exp,
        } = said;
        Ok(Self {
            issuer: Rule::parse("issuer", issuer.as_deref(), issuer_reg_exp.as_deref())?,
            subject: Rule::parse("subject", subject.as_deref(), subject_reg_exp.as_deref())?,
        })
    }

    /// Whether these are the issuer and the subject that are meant.
    #[must_use]
    pub fn holds(&self, issuer: &str, subject: &str) -> bool {
        self.issuer.holds(issuer) && self.subject.holds(subject)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exactly(one), Self::Exactly(another)) => one == another,
            (Self::Matching(one), Self::Matching(another)) => one.as_str() == another.as_str(),
            _ => false,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |rule: &Rule| match rule {
            Rule::Exactly(text) => text.clone(),
            Rule::Matching(expression) => format!("/{}/", expression.as_str()),
        };
        write!(f, "{} of {}", text(&self.subject), text(&self.issuer))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_identity_is_held_against_issuer_and_subject() {
        let issuer = "https://token.actions.githubusercontent.com";
        let workflow = "https://github.com/example/fw/.github/workflows/build.yml@refs/heads/main";
        let identity = Identity::of(&SignerIdentity {
            issuer: Some(issuer.into()),
            subject_reg_exp: Some(r"^https://github\.com/example/.*$".into()),
            ..SignerIdentity::default()
        })
        .unwrap();
        let holds = [
            identity.holds(issuer, workflow),
            identity.holds("https://issuer.example.com", workflow),
            identity.holds(issuer, "https://github.com/examples/fw"),
            identity.holds(issuer, "x https://github.com/example/fw"),
        ];
        assert_eq!(holds, [true, false, false, false]);
        assert_eq!(
            identity.to_string(),
            format!(r"/^https://github\.com/example/.*$/ of {issuer}")
        );
    }

    #[test]
    fn a_rule_that_cannot_be_used_is_said() {
        let said = |identity: serde_json::Value| {
            let identity: SignerIdentity = serde_json::from_value(identity).unwrap();
            Identity::of(&identity).unwrap_err().to_string()
        };
        assert_eq!(
            said(json!({"subject": "a"})),
            "name either issuer or issuerRegExp"
        );
        assert_eq!(
            said(json!({"issuer": "a", "subject": "a", "subjectRegExp": "b"})),
            "name either subject or subjectRegExp"
        );
        assert_eq!(
            said(json!({"issuer": "a", "subjectRegExp": "("})),
            "subjectRegExp \"(\": unclosed group"
        );
    }
}
