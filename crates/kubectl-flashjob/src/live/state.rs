//! What is known of the job on the screen, and what the person looks at. Pure.

use std::sync::Arc;

use flashjob_operator::{
    api::{FlashClass, SelectedDevice},
    flashjob::{explain::Known, spec::job::Job},
};
use jiff::Timestamp;

use super::Journal;
use crate::{
    show::{Line, Tone, wrap},
    view::Tree,
};

/// Most lines of the message below the tree.
const MOST_WORDS: usize = 3;

/// What is read around a job once a round.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The frozen selection, where it can be read.
    pub selection: Option<Arc<[SelectedDevice]>>,
    /// The class, where it can be read.
    pub class: Option<Arc<FlashClass>>,
}

/// What the person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// To leave.
    Quit,
    /// That nothing new starts.
    Suspend,
    /// That the job goes on.
    Resume,
    /// That this step is approved.
    Approve(String),
    /// To read the log of this Pod.
    Read {
        /// What stands above it.
        title: String,
        /// The Pod.
        pod: String,
    },
    /// To read no log any more.
    Close,
}

/// What lies over the tree.
#[derive(Clone, Debug, Default)]
pub(super) enum Over {
    #[default]
    Nothing,
    Help,
    Log(Journal),
    /// A question; `y` gives the order.
    Question(String, Order),
}

/// Which rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Those around the device that is pointed at, else the first ones.
    Follow,
    /// Those from this one on.
    From(usize),
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Live {
    pub(super) job: Box<Job>,
    around: Surroundings,
    pub(super) wide: bool,
    pub(super) selected: Option<i64>,
    pub(super) view: View,
    /// Rows of the tree that the last picture had.
    pub(super) page: usize,
    /// First row of the last picture.
    pub(super) top: usize,
    pub(super) over: Over,
    pub(super) notice: Option<(Tone, String)>,
    pub(super) lost: Option<String>,
}

impl Live {
    /// A job as it was seen first.
    pub fn of(job: Box<Job>, wide: bool) -> Self {
        Self {
            job,
            around: Surroundings::default(),
            wide,
            selected: None,
            view: View::Follow,
            page: 1,
            top: 0,
            over: Over::Nothing,
            notice: None,
            lost: None,
        }
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The job as it is now.
    pub fn see(&mut self, job: Box<Job>) {
        self.job = job;
        self.lost = None;
    }

    /// What was read around the job.
    pub fn surround(&mut self, around: Surroundings) {
        self.around = around;
    }

    /// The connection was lost, for this reason.
    pub fn lose(&mut self, why: String) {
        self.lost = Some(why);
    }

    /// What became of an order.
    pub fn tell(&mut self, tone: Tone, words: String) {
        self.notice = Some((tone, words));
    }

    /// The log that is read.
    pub fn journal(&mut self) -> Option<&mut Journal> {
        match &mut self.over {
            Over::Log(journal) => Some(journal),
            Over::Nothing | Over::Help | Over::Question(..) => None,
        }
    }

    /// Shows a log from now on.
    pub fn open(&mut self, journal: Journal) {
        self.over = Over::Log(journal);
    }

    /// The job as a tree.
    pub fn tree(&self, now: Timestamp) -> Tree {
        Tree::of(&Known {
            job: &self.job,
            selection: self.around.selection.as_deref(),
            class: self.around.class.as_deref(),
            watched: None,
            now,
        })
    }

    /// The message below the tree, wrapped to this many columns.
    pub(super) fn words(&self, columns: usize) -> Vec<Line> {
        let said = match (&self.over, &self.lost, &self.notice) {
            (Over::Question(question, _), _, _) => Some((Tone::Strong, question.clone())),
            (_, Some(lost), _) => Some((Tone::Bad, format!("{lost}; trying again"))),
            (_, None, Some(notice)) => Some(notice.clone()),
            (_, None, None) => None,
        };
        let Some((tone, words)) = said else {
            return Vec::new();
        };
        let lines = wrap(&words, columns, "").into_iter().take(MOST_WORDS);
        let toned = lines.map(|line| Line::of(tone, &line.text()));
        toned.collect()
    }
}
