//! Users of the built-in role `edit`: the API server decides what they may.

use serde_json::{Value, json};

use super::{
    forgery::copied,
    lab::{set_status, text},
};

use testbed::Space;

/// A user of the built-in role `edit` in this namespace.
pub struct Editor<'a> {
    space: &'a Space,
    /// Name of the user.
    pub user: String,
}

impl<'a> Editor<'a> {
    /// Name of the one of this namespace.
    pub fn name(space: &Space) -> String {
        format!("mallory-{}", space.name)
    }

    /// One of this namespace.
    pub fn of(space: &'a Space) -> Self {
        let user = Self::name(space);
        bind(space, "edit", &user);
        Self { space, user }
    }

    /// Who may use FlashJobs, too, and make ControllerRevisions, as no editor may but what brings back a backup; and all of that in
    /// another namespace as well.
    pub fn and_of(self, other: &Space) -> Self {
        bind(other, "edit", &self.user);
        let (role, user) = ("mallory-restores", format!("--user={}", self.user));
        for space in [self.space, other] {
            bind(space, "flashjob-editor", &self.user);
            let rights = [
                "--verb=create,delete",
                "--resource=controllerrevisions.apps",
            ];
            space.kubectl(&[&["create", "role", role][..], &rights].concat());
            space.kubectl(&[
                "create",
                "rolebinding",
                role,
                &format!("--role={role}"),
                &user,
            ]);
        }
        self
    }

    /// `kubectl ARGUMENTS` as that user; its complaint as `Err`.
    pub fn does(&self, arguments: &[&str]) -> Result<String, String> {
        let user = format!("--as={}", self.user);
        self.space
            .try_kubectl(&[arguments, &[user.as_str()]].concat())
    }

    /// Creates an object as that user, who must be allowed to.
    pub fn creates(&self, object: &Value) {
        let user = format!("--as={}", self.user);
        let arguments = ["-n", &self.space.name, &user, "create"];
        let created = self
            .space
            .control_plane
            .feed(&arguments, &object.to_string());
        created.unwrap_or_else(|complaint| panic!("{complaint}\nof:\n{object:#}"));
    }

    /// Creates a copy of a flash Pod in this namespace, and waits for nothing: the copy has ended well already.
    pub fn creates_ended_copy(&self, pod: &Value) {
        let mut copy = copied(pod, &self.space.name);
        let metadata = copy["metadata"].as_object_mut().unwrap();
        metadata.remove("finalizers");
        self.creates(&copy);
        let ended = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
            "name": "flash-container", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
        }]}});
        set_status(self.space, "pod", text(&pod["metadata"]["name"]), &ended);
    }
}

fn bind(space: &Space, role: &str, user: &str) {
    let (name, role) = (format!("mallory-{role}"), format!("--clusterrole={role}"));
    let user = format!("--user={user}");
    space.kubectl(&["create", "rolebinding", &name, &role, &user]);
}
