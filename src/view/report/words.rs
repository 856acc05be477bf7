//! What every page says (HTML).

/// Goes on after what a heatmap is.
pub const OVERLAP: &str = "What is brighter
than a threshold is where the network looks. The <em>Ekman mask</em> is where the muscles of the expression move the face. The overlap, IoU (intersection over union), is the area
that both cover, divided by the area that at least one covers: 0, they do not touch; 1, they are the same. Some overlap comes by chance, so an IoU means
something only when it is above all of three chance levels:</p>
<ul>
<li><strong>all white</strong>: a heatmap that marks the whole face;</li>
<li><strong>random</strong>: as many pixels as the heatmap marks, scattered at random;</li>
<li><strong>other masks</strong>: the same heatmap against the masks of the five other expressions, on average.</li>
</ul>\n";

/// What no overlap says.
pub const LIMITS: [&str; 4] = [
    "An IoU is readable only beside its chance levels. In the paper’s own twelve networks the mean IoU with the own expression’s mask is 0.269, with the masks of the five other expressions 0.262, and \
     that of an all-white heatmap 0.258; 54 % of the 72 heatmaps do not beat the all-white one. Margins of that size are the rule, and random pixels, being scattered, are an easy opponent.",
    "An explanation says what the network reacts to when parts of the face are blacked out. A face with black patches is no natural face, and LIME’s linear model tells only part of the reaction. \
     A superpixel is about a thirtieth of the face: what is smaller cannot be told apart.",
    "The faces are those that a network reads as an expression, rightly or wrongly. A heatmap tells where it looks when it says fear, not where fear shows.",
    "The masks are one reading of which muscles make an expression and where they lie, the same for every face. A network may look elsewhere for a good reason.",
];

/// What it must not be used for.
pub const MISUSE: &str = "<p class=\"note\"><strong>What this must not be used for.</strong> A network names what a face looks like to it; it does not know what a person feels, and a heatmap that agrees with the
masks does not make it right. Neither may be used to judge a person: not for hiring, schooling, policing, insurance, medical or credit decisions, not to infer
emotions at work or in schools, not for surveillance, and not on people who were not told.</p>\n";
