//! Writes: preconditions, patches, server-side apply as far as one field manager needs it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Actor, Answer, Api, Asked, Verb};

impl Api {
    pub(super) fn write(&mut self, asked: &Asked, by: Actor) -> Answer {
        self.actor = by;
        let known = self.objects.get(&asked.key).cloned();
        match (asked.verb, known) {
            (Verb::Create, Some(_)) => {
                let name = &asked.key.name;
                Answer::refused(409, "AlreadyExists", format!("{name:?} already exists"))
            }
            (Verb::Create, None) if asked.query.contains_key("dryRun") => {
                Answer::Object(Arc::new(asked.body.clone()))
            }
            (Verb::Apply, None) if asked.body["metadata"]["uid"].is_string() => {
                let message = format!("{:?} is another object", asked.key.name);
                Answer::refused(409, "Conflict", message)
            }
            (Verb::Create | Verb::Apply, None) => {
                let made = self.make(&asked.key, by, asked.body.clone());
                Answer::Object(made)
            }
            (_, None) => Answer::not_found(asked),
            (Verb::Apply, Some(known)) => self.apply(asked, &known),
            (Verb::Replace, Some(known)) => self.replace(asked, &known),
            (Verb::Merge, Some(known)) => self.merge(asked, &known),
            (Verb::JsonPatch, Some(known)) => self.json_patch(asked, &known),
            (Verb::Delete, Some(known)) => self.delete_if(asked, &known, by),
            (Verb::Get | Verb::List | Verb::Watch, Some(_)) => unreachable!("not a write"),
        }
    }

    /// Refuses what was read of another form of the object.
    fn conflict(asked: &Asked, known: &Value) -> Option<Answer> {
        let demanded = &asked.body["metadata"];
        let differs = |field: &str| {
            let value = &demanded[field];
            !value.is_null() && *value != known["metadata"][field]
        };
        (differs("uid") || differs("resourceVersion")).then(|| {
            let name = &asked.key.name;
            let message = format!("cannot be fulfilled on {name:?}: the object has been modified");
            Answer::refused(409, "Conflict", message)
        })
    }

    fn replace(&mut self, asked: &Asked, known: &Value) -> Answer {
        if let Some(conflict) = Self::conflict(asked, known) {
            return conflict;
        }
        let next = if asked.subresource == "status" {
            let mut next = known.clone();
            next["status"] = asked.body["status"].clone();
            next
        } else {
            let mut next = asked.body.clone();
            kept(known, &mut next);
            next
        };
        self.put(asked, known, next)
    }

    fn merge(&mut self, asked: &Asked, known: &Value) -> Answer {
        if let Some(conflict) = Self::conflict(asked, known) {
            return conflict;
        }
        let mut next = known.clone();
        json_patch::merge(&mut next, &asked.body);
        self.put(asked, known, next)
    }

    fn apply(&mut self, asked: &Asked, known: &Value) -> Answer {
        if let Some(conflict) = Self::conflict(asked, known) {
            return conflict;
        }
        let mut next = known.clone();
        json_patch::merge(&mut next, &asked.body);
        // What others hold it by stays.
        let none = Vec::new();
        let list = |object: &Value| object["metadata"]["finalizers"].as_array().cloned();
        let mut finalizers = list(known).unwrap_or_default();
        for wanted in list(&asked.body).as_ref().unwrap_or(&none) {
            if !finalizers.contains(wanted) {
                finalizers.push(wanted.clone());
            }
        }
        if !finalizers.is_empty() {
            next["metadata"]["finalizers"] = json!(finalizers);
        }
        self.put(asked, known, next)
    }

    fn json_patch(&mut self, asked: &Asked, known: &Value) -> Answer {
        let patch: Result<json_patch::Patch, _> = serde_json::from_value(asked.body.clone());
        let mut next = known.clone();
        let patched = patch.is_ok_and(|patch| json_patch::patch(&mut next, &patch).is_ok());
        if !patched {
            let words = "the server rejected our request due to an error in our request";
            return Answer::refused(422, "Invalid", words);
        }
        self.put(asked, known, next)
    }

    fn put(&mut self, asked: &Asked, known: &Value, next: Value) -> Answer {
        let finalizers = |object: &Value| {
            let list = object["metadata"]["finalizers"].as_array();
            list.cloned().unwrap_or_default()
        };
        let before = finalizers(known);
        let ends = !known["metadata"]["deletionTimestamp"].is_null();
        if ends && finalizers(&next).iter().any(|one| !before.contains(one)) {
            let words = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
            return Answer::refused(422, "Invalid", words);
        }
        Answer::Object(self.store(&asked.key, next))
    }

    fn delete_if(&mut self, asked: &Asked, known: &Value, by: Actor) -> Answer {
        let demanded = &asked.body["preconditions"];
        for field in ["uid", "resourceVersion"] {
            if !demanded[field].is_null() && demanded[field] != known["metadata"][field] {
                let message = format!("precondition failed: {field} is another one");
                return Answer::refused(409, "Conflict", message);
            }
        }
        let grace = asked.body["gracePeriodSeconds"].as_i64();
        match self.delete(&asked.key, by, grace) {
            Some(left) => Answer::Object(left),
            None => Answer::Object(Arc::new(
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
            )),
        }
    }
}

/// What a PUT does not change.
fn kept(known: &Value, next: &mut Value) {
    for field in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let value = &known["metadata"][field];
        if !value.is_null() {
            next["metadata"][field] = value.clone();
        }
    }
}
