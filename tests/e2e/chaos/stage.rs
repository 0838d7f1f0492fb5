//! Where a wave happens: the namespace of its jobs, the operator's own, where it keeps its key, and that of a hostile writer.

use std::path::PathBuf;

use serde_json::json;

use super::{kinds::Mode, mallory::Mallory};
use crate::hostile::{editor::Editor, forgery};
use testbed::{Fleet, Space, Supervised, auditor::Auditor, healthy, job::job};

/// Namespaces, and the operator's token.
pub struct Stage {
    /// Of the jobs.
    pub jobs: Space,
    /// Of the operator.
    pub home: Space,
    /// Of the hostile writer, with devices and a job of hers.
    hers: Option<(Space, Fleet)>,
    kubeconfig: PathBuf,
    credential: String,
}

impl Stage {
    /// New ones; with a hostile writer's.
    pub async fn new(engine: &str, hostile: bool) -> Self {
        let plane = Mode::asked().plane();
        let jobs = Space::on(plane, &format!("chaos-{engine}")).await;
        let home = Space::on(plane, &format!("chaos-{engine}-system")).await;
        // Its chart brings the kinds.
        let (kubeconfig, credential) = home.control_plane.another_token(&home.name);
        let mut hers = None;
        if hostile {
            let space = Space::on(plane, &format!("chaos-{engine}-mallory")).await;
            let fleet = space.fleet(healthy(2, 1.0)).await;
            hers = Some((space, fleet));
        }
        Self {
            jobs,
            home,
            hers,
            kubeconfig,
            credential,
        }
    }

    /// All namespaces.
    fn spaces(&self) -> Vec<&Space> {
        let hers = self.hers.iter().map(|(space, _)| space);
        [&self.jobs, &self.home].into_iter().chain(hers).collect()
    }

    /// An auditor of all of it, from now on.
    pub fn auditor(&self) -> Auditor<'_> {
        let auditor = Auditor::of_all(&self.spaces()).operated_by(self.credential.clone());
        match &self.hers {
            Some((space, _)) => auditor.against(&Editor::name(space), &forgery::WORDS),
            None => auditor,
        }
    }

    /// Starts an operator with these arguments.
    pub async fn operator<'a>(&'a self, arguments: &[&'a str]) -> Supervised<'a> {
        let mut arguments = arguments.to_vec();
        for space in self.spaces() {
            arguments.extend(["--watch-namespaces", &space.name]);
            arguments.extend(["--akri-namespaces", &space.name]);
        }
        Supervised::start_by(&self.home, &self.kubeconfig, &arguments).await
    }

    /// Lets the hostile writer begin, if there is one: with a job of her own, and what she does follows from the seed.
    pub fn hostile(&self, seed: u64) -> Option<Mallory> {
        let (space, fleet) = self.hers.as_ref()?;
        let editor = Editor::of(space).and_of(&self.jobs);
        editor.creates(&job("hers", &fleet.uuids(), &json!({})));
        Some(Mallory::start(&self.jobs, space, seed))
    }

    /// Whether her own job has finished, if she has one.
    pub fn hers_finished(&self) -> bool {
        let mut hers = self.hers.iter();
        hers.all(|(space, _)| space.find_job("hers").is_none() || space.job("hers").is("Finished"))
    }

    /// Whether no flash is under way.
    pub fn is_at_rest(&self) -> bool {
        let mut hers = self.hers.iter();
        self.jobs.is_at_rest() && hers.all(|(space, _)| space.is_at_rest())
    }

    /// Whether nothing is left of anything.
    pub fn is_empty(&self) -> bool {
        let mut hers = self.hers.iter();
        let none = |space: &Space| space.left_behind().is_empty();
        none(&self.jobs) && hers.all(|(space, _)| none(space))
    }

    /// Deletes jobs of these names, and hers.
    pub fn delete_jobs(&self, names: &[&str]) {
        let delete = |space: &Space, name: &str| {
            space.kubectl(&["delete", "flashjob", name, "--wait=false"]);
        };
        for name in names {
            delete(&self.jobs, name);
        }
        if let Some((space, _)) = &self.hers {
            delete(space, "hers");
        }
    }

    /// Lets go of the namespaces.
    pub fn clear(&self) {
        for space in self.spaces() {
            let name = space.name.as_str();
            space.kubectl(&["delete", "namespace", name, "--wait=false"]);
        }
    }
}
