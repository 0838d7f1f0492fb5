//! Entity tags: the resource version of an object, and what a write demands of it. Pure.

use axum::http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ETAG, IF_MATCH},
};
use serde_json::{Value, json};

use crate::problem::Problem;

/// What the object has to be for a write to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whatever it is.
    Any,
    /// Of this resource version.
    Version(String),
}

impl IfMatch {
    /// What a request says.
    ///
    /// # Errors
    /// When it is not one entity tag of the console's; 412 where it is a weak one, which never matches.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(header) = headers.get(IF_MATCH) else {
            return Ok(Self::Any);
        };
        let text = header.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.starts_with("W/") {
            return Err(not_matched(
                "If-Match compares strongly: a weak tag matches nothing",
            ));
        }
        let tag = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let tag =
            tag.filter(|tag| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_digit()));
        let tag = tag.ok_or_else(|| {
            Problem::bad_request("If-Match must be the ETag of one answer, such as \"1234\"")
        })?;
        Ok(Self::Version(tag.to_owned()))
    }

    /// The version that is demanded.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }

    /// Demands it in an object, or in a merge patch of one.
    pub fn demand(&self, object: &mut Value) {
        if let (Some(version), Some(fields)) = (self.version(), object.as_object_mut()) {
            let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("resourceVersion".to_owned(), json!(version));
            }
        }
    }

    /// Demands it in a JSON patch.
    pub fn demand_of_patch(&self, patch: &mut Value) {
        if let (Some(version), Some(operations)) = (self.version(), patch.as_array_mut()) {
            operations
                .push(json!({"op": "add", "path": "/metadata/resourceVersion", "value": version}));
        }
    }

    /// What a conflict is where a version was demanded.
    #[must_use]
    pub fn judge(&self, problem: Problem) -> Problem {
        let is_conflict =
            problem.status == StatusCode::CONFLICT && problem.reason.as_deref() == Some("Conflict");
        if self.version().is_some() && is_conflict {
            return Problem {
                reason: problem.reason,
                ..Problem::new(StatusCode::PRECONDITION_FAILED, problem.detail)
            };
        }
        problem
    }
}

fn not_matched(detail: &str) -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, detail)
}

/// The entity tag of an object.
#[must_use]
pub fn entity_tag(object: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let version = object["metadata"]["resourceVersion"].as_str();
    let tag = version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok());
    if let Some(tag) = tag {
        headers.insert(ETAG, tag);
    }
    headers
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(None, Ok(IfMatch::Any))]
    #[case::whatever(Some("*"), Ok(IfMatch::Any))]
    #[case::one(Some("\"12\""), Ok(IfMatch::Version("12".into())))]
    #[case::weak(Some("W/\"12\""), Err(412))]
    #[case::without_quotes(Some("12"), Err(400))]
    #[case::two(Some("\"12\", \"13\""), Err(400))]
    #[case::empty(Some("\"\""), Err(400))]
    fn a_write_demands_one_version_or_none(
        #[case] header: Option<&'static str>,
        #[case] expected: Result<IfMatch, u16>,
    ) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(IF_MATCH, HeaderValue::from_static(header));
        }
        let found = IfMatch::of(&headers).map_err(|problem| problem.status);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_version_is_demanded_where_the_api_server_looks_for_it() {
        let version = IfMatch::Version("12".into());
        let mut object = json!({"spec": {}, "metadata": {"name": "a", "resourceVersion": "9"}});
        version.demand(&mut object);
        assert_eq!(object["metadata"]["resourceVersion"], "12");
        let mut patch = json!({"spec": {}});
        version.demand(&mut patch);
        assert_eq!(patch["metadata"], json!({"resourceVersion": "12"}));
        let mut patch = json!([{"op": "remove", "path": "/spec/suspend"}]);
        version.demand_of_patch(&mut patch);
        assert_eq!(patch[1]["value"], "12");
        let mut untouched = json!({"spec": {}});
        IfMatch::Any.demand(&mut untouched);
        assert_eq!(untouched, json!({"spec": {}}));
    }

    #[test]
    fn a_conflict_is_412_only_where_a_version_was_demanded() {
        let conflict = Problem {
            reason: Some("Conflict".into()),
            ..Problem::new(StatusCode::CONFLICT, "modified")
        };
        assert_eq!(IfMatch::Any.judge(conflict.clone()).status, 409);
        let version = IfMatch::Version("12".into());
        assert_eq!(version.judge(conflict).status, 412);
        assert_eq!(version.judge(Problem::refused("no")).status, 409);
    }
}
