//! What helps where the cluster refuses: which right is missing and how an administrator gives it, or what is not installed. Pure.

use std::{error::Error, fmt};

use flashjob_operator::cluster::{ApiError, ErrorKind};

/// A right that somebody lacks, as the API server names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    user: String,
    verb: String,
    resource: String,
    group: String,
    /// None: in the whole cluster.
    namespace: Option<String>,
}

/// What helps where the cluster refused: which right is missing, or what is not installed.
pub fn help<'a>(error: &'a (dyn Error + 'static)) -> Option<String> {
    let mut cause: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<ApiError>() {
            return match refused.kind {
                ErrorKind::Forbidden => missing_right(refused).map(|right| right.to_string()),
                ErrorKind::NotFound => not_installed(&refused.request),
                _ => None,
            };
        }
        cause = error.source();
    }
    None
}

/// The right that was missing, where that is why a request was refused.
pub fn missing_right(refused: &ApiError) -> Option<MissingRight> {
    let forbidden = refused.kind == ErrorKind::Forbidden;
    parse(&refused.message).filter(|_| forbidden)
}

/// What brings a kind that the cluster does not have, going by a list that was refused.
fn not_installed(request: &str) -> Option<String> {
    let plural = request.strip_prefix("list ")?.split(' ').next()?;
    let by = match plural {
        "flashjobs" | "flashclasses" => "the operator's chart",
        "instances" => "Akri",
        _ => return None,
    };
    Some(format!(
        "The cluster has no kind {plural}: {by} brings it. See what it has with: kubectl api-resources"
    ))
}

/// Reads `User "jane" cannot list resource "flashjobs" in API group "…" in the namespace "lab"`.
fn parse(message: &str) -> Option<MissingRight> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, rest) = rest.split_once("\" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once("\" in API group \"")?;
    let (group, rest) = rest.split_once('"')?;
    let namespace = rest.split_once("in the namespace \"");
    let namespace = namespace.and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()));
    Some(MissingRight {
        user: user.to_owned(),
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        group: group.to_owned(),
        namespace,
    })
}

impl MissingRight {
    /// The ClusterRole of the operator's chart that gives it.
    fn role(&self) -> Option<&'static str> {
        let reads = ["get", "list", "watch"].contains(&self.verb.as_str());
        match (self.resource.as_str(), reads) {
            ("flashjobs", _) if self.verb == "approve" => Some("flashjob-approver"),
            ("flashjobs", true) => Some("flashjob-viewer"),
            ("flashjobs", false) => Some("flashjob-editor"),
            ("flashclasses", true) => Some("flashclass-viewer"),
            ("flashclasses", false) => Some("flashclass-admin"),
            ("instances" | "controllerrevisions" | "pods" | "pods/log" | "events", true) => {
                Some("flashjob-user")
            }
            _ => None,
        }
    }

    /// The person, as an option of `kubectl create rolebinding`. What does not look like a name is not put into a command.
    fn subject(&self) -> String {
        let plain = |text: &str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:@".contains(&byte);
            !text.is_empty() && text.bytes().all(letter)
        };
        match self.user.strip_prefix("system:serviceaccount:") {
            Some(account) if plain(account) => format!("--serviceaccount={account}"),
            None if plain(&self.user) => format!("--user={}", self.user),
            _ => "--user=USER".to_owned(),
        }
    }

    /// The right in words, such as `get secrets in namespace lab`.
    pub fn name(&self) -> String {
        let group = if self.group.is_empty() {
            String::new()
        } else {
            format!(".{}", self.group)
        };
        let place = match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "in the whole cluster".to_owned(),
        };
        format!("{} {}{group} {place}", self.verb, self.resource)
    }

    /// Whom to ask for it, and what that person runs.
    pub fn remedy(&self) -> String {
        let Some(role) = self.role() else {
            return "Ask an administrator for it.".to_owned();
        };
        let (binding, place) = match &self.namespace {
            Some(namespace) => ("rolebinding", format!(" -n {namespace}")),
            None => ("clusterrolebinding", String::new()),
        };
        let subject = self.subject();
        format!(
            "Ask an administrator for it: kubectl create {binding} NAME{place} --clusterrole={role} {subject}"
        )
    }
}

impl fmt::Display for MissingRight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "You lack the right to {}.\n{}",
            self.name(),
            self.remedy()
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GROUP: &str = "application.flashjob.nbfc.io";

    #[rstest]
    #[case::in_a_namespace(
        "flashjobs.application.flashjob.nbfc.io \"a\" is forbidden: User \"jane\" cannot patch resource \"flashjobs\" in API group \
         \"application.flashjob.nbfc.io\" in the namespace \"lab\"",
        "You lack the right to patch flashjobs.application.flashjob.nbfc.io in namespace lab.\n\
         Ask an administrator for it: kubectl create rolebinding NAME -n lab --clusterrole=flashjob-editor --user=jane"
    )]
    #[case::of_a_service_account(
        "pods is forbidden: User \"system:serviceaccount:ci:robot\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
        "You lack the right to list pods in the whole cluster.\n\
         Ask an administrator for it: kubectl create clusterrolebinding NAME --clusterrole=flashjob-user --serviceaccount=ci:robot"
    )]
    #[case::to_approve(
        "User \"jane\" cannot approve resource \"flashjobs\" in API group \"application.flashjob.nbfc.io\" in the namespace \"lab\"",
        "You lack the right to approve flashjobs.application.flashjob.nbfc.io in namespace lab.\n\
         Ask an administrator for it: kubectl create rolebinding NAME -n lab --clusterrole=flashjob-approver --user=jane"
    )]
    #[case::of_no_role(
        "secrets is forbidden: User \"jane\" cannot list resource \"secrets\" in API group \"\" in the namespace \"lab\"",
        "You lack the right to list secrets in namespace lab.\nAsk an administrator for it."
    )]
    fn a_refusal_names_the_right_and_how_it_is_given(#[case] message: &str, #[case] words: &str) {
        assert_eq!(parse(message).unwrap().to_string(), words);
    }

    #[test]
    fn a_strange_name_does_not_get_into_a_command() {
        let right = MissingRight {
            user: "jane; rm -rf /".into(),
            verb: "get".into(),
            resource: "flashjobs".into(),
            group: GROUP.into(),
            namespace: None,
        };
        assert!(right.to_string().ends_with(" --user=USER"), "{right}");
    }

    #[test]
    fn a_kind_that_is_not_there_is_told_from_an_object_that_is_not() {
        let said = not_installed("list flashjobs in lab").unwrap();
        assert!(said.contains("the operator's chart brings it"), "{said}");
        assert_eq!(not_installed("patch FlashJob lab/a"), None);
    }

    #[test]
    fn another_refusal_names_no_right() {
        assert_eq!(parse("pods \"a\" is forbidden: exceeded quota"), None);
    }
}
