//! The facial expressions and their names.

use serde::{Deserialize, Serialize};

/// A facial expression: the six basic ones the paper's networks tell apart, and neutral, which networks for the field
/// add so that a calm face is not called an emotion.
///
/// Written in lower case in files, on the command line and in JSON; read in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Expression {
    Anger,
    Disgust,
    Fear,
    Happiness,
    Sadness,
    Surprise,
    Neutral,
}

/// A word that names no [`Expression`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no expression: use anger, disgust, fear, happiness, sadness, surprise or neutral"
)]
pub struct UnknownExpression(pub String);

impl Expression {
    /// The paper's six, in the order of its networks' outputs and of its tables. Neutral has no Ekman mask.
    pub const SIX: [Self; 6] =
        [Self::Anger, Self::Disgust, Self::Fear, Self::Happiness, Self::Sadness, Self::Surprise];

    /// The lower-case name, as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anger => "anger",
            Self::Disgust => "disgust",
            Self::Fear => "fear",
            Self::Happiness => "happiness",
            Self::Sadness => "sadness",
            Self::Surprise => "surprise",
            Self::Neutral => "neutral",
        }
    }

    /// Its place in [`Self::SIX`]; none of neutral.
    pub fn place(self) -> Option<usize> {
        Self::SIX.iter().position(|&six| six == self)
    }

    /// The name with a capital, as in the names of heatmap files and in titles.
    pub fn title(self) -> String {
        let (first, rest) = self.name().split_at(1);
        first.to_uppercase() + rest
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

impl TryFrom<String> for Expression {
    type Error = UnknownExpression;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl std::str::FromStr for Expression {
    type Err = UnknownExpression;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::SIX
            .into_iter()
            .chain([Self::Neutral])
            .find(|expression| expression.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownExpression(text.to_owned()))
    }
}
