//! Answers requests about objects: reads here, writes in `write`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Actor, Api, Asked, Verb, kind};

/// Most objects of a page, whatever was asked for: lists of this world are short, and pages are to be seen.
const PAGE: usize = 5;

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    Object(Arc<Value>),
    Refused {
        code: u16,
        reason: &'static str,
        message: String,
    },
    Log(String),
}

impl Answer {
    pub fn refused(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Refused {
            code,
            reason,
            message,
        }
    }

    pub fn not_found(asked: &Asked) -> Self {
        let (plural, name) = (asked.key.plural, &asked.key.name);
        Self::refused(404, "NotFound", format!("{plural} {name:?} not found"))
    }

    pub fn code(&self) -> u16 {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Object(_) | Self::Log(_) => 200,
        }
    }

    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::Object(object) => object.to_string().into_bytes(),
            Self::Log(log) => log.clone().into_bytes(),
            Self::Refused {
                code,
                reason,
                message,
            } => refusal(*code, reason, message).to_string().into_bytes(),
        }
    }
}

/// A Status that says why a request, or a watch, failed.
pub fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
           "code": code, "reason": reason, "message": message})
}

impl Api {
    /// Carries a request out.
    pub fn serve(&mut self, asked: &Asked, by: Actor) -> Answer {
        match asked.verb {
            Verb::Get => match self.objects.get(&asked.key) {
                Some(object) => Answer::Object(shown(asked, object)),
                None => Answer::not_found(asked),
            },
            Verb::List => self.list(asked),
            Verb::Watch => unreachable!("watches are streams"),
            _ => self.write(asked, by),
        }
    }

    fn list(&mut self, asked: &Asked) -> Answer {
        let limit = asked.query.get("limit");
        let limit = limit.and_then(|text| text.parse::<usize>().ok());
        let (version, mut rest) = if let Some(token) = asked.query.get("continue") {
            let Some(begun) = self.pages.remove(token) else {
                return Answer::refused(410, "Expired", "the continue token has expired");
            };
            begun
        } else {
            let all = self.all(asked.key.plural);
            let selected = all.filter(|(key, object)| asked.selects(key, object));
            let mut objects: Vec<_> = selected.map(|(_, object)| Arc::clone(object)).collect();
            if self.stale_lists && asked.key.plural == "pods" {
                objects.pop();
            }
            (self.version, objects)
        };
        let page = limit.map_or(rest.len(), |limit| limit.min(PAGE).min(rest.len()));
        let after = rest.split_off(page);
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if !after.is_empty() {
            self.uids += 1;
            let token = format!("page-{}", self.uids);
            metadata["continue"] = json!(token);
            // All pages are of the moment when the list began, and so is the version that a watch goes on from.
            self.pages.insert(token, (version, after));
        }
        let items = rest.iter().map(|object| shown(asked, object));
        let items: Vec<Value> = items.map(|object| Value::clone(&object)).collect();
        let (_, version, name) = kind(asked.key.plural).unwrap();
        let list = json!({"kind": format!("{name}List"), "apiVersion": version,
                          "metadata": metadata, "items": items});
        Answer::Object(Arc::new(list))
    }

    /// Continue tokens are not valid any more.
    pub fn forget_pages(&mut self) {
        self.pages.clear();
    }
}

fn shown(asked: &Asked, object: &Arc<Value>) -> Arc<Value> {
    if !asked.metadata {
        return Arc::clone(object);
    }
    let meta = &object["metadata"];
    let shown =
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": meta});
    Arc::new(shown)
}
