//! How good networks are: their metrics as bars (paper: Fig. 5), and the overlap of their heatmaps beside chance.

use super::colour_map::sequential;
use super::svg::{
    AXIS, FAINT, GRID, INK, MARGIN, MISSING, PALETTE, Svg, Ticks, WIDTH, escape, hex, names_width,
    number,
};
use crate::expression::Expression;

/// One network's bars.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricGroup {
    /// The network.
    pub name: String,
    /// A value from 0 to 1 for each of the metrics, in their order; not finite where it is not known.
    pub values: Vec<f64>,
}

/// Draws metrics such as accuracy, precision, recall and F1 as an SVG picture of grouped bars: networks from top to bottom in the
/// given order, beside each name a bar per metric from 0 to 1 with its value to three decimals, dark to light in the order of the
/// legend. A value that is not finite is a dash.
///
/// # Panics
/// If a group has not one value per metric.
pub fn metrics_svg(title: &str, metrics: &[&str], groups: &[MetricGroup]) -> String {
    const BAR: f64 = 13.0;
    const BETWEEN: f64 = 11.0;
    const VALUE: f64 = 44.0;
    let left = MARGIN + names_width(groups.iter().map(|group| group.name.as_str()), 14.0) + 10.0;
    let longest = WIDTH - MARGIN - VALUE - left;
    let x_of = |value: f64| left + value.clamp(0.0, 1.0) * longest;
    let colours: Vec<String> = (0..metrics.len())
        .map(|index| 0.95 - 0.65 * index as f32 / metrics.len().saturating_sub(1).max(1) as f32)
        .map(|share| hex(sequential(share)))
        .collect();

    let mut svg = Svg::default();
    let y = svg.title(WIDTH, title);
    let items: Vec<String> = metrics.iter().map(|&metric| metric.to_owned()).collect();
    let top = svg.legend(y, &items, |svg, index, [x, y]| {
        svg.add(format_args!(
            r#"<rect x="{:.1}" y="{:.1}" width="22" height="11" fill="{}"/>"#,
            x - 11.0,
            y - 5.5,
            colours[index]
        ));
    });
    let height = BAR * metrics.len() as f64 + BETWEEN;
    let bottom = top + height * groups.len() as f64;
    draw_grid(&mut svg, &Ticks::up_to(1.0, 5), x_of, [top, bottom]);
    for (number_of_group, group) in groups.iter().enumerate() {
        assert_eq!(group.values.len(), metrics.len(), "one value per metric");
        let first = top + height * number_of_group as f64 + BETWEEN / 2.0;
        let middle = first + BAR * metrics.len() as f64 / 2.0;
        svg.name([left - 8.0, middle + 5.0], 14.0, r#"text-anchor="end""#, &group.name);
        for (index, &value) in group.values.iter().enumerate() {
            let y = first + BAR * index as f64;
            if value.is_finite() {
                svg.add(format_args!(
                    r#"<rect x="{left:.1}" y="{y:.1}" width="{:.1}" height="{:.1}" fill="{}"><title>{}, {}</title></rect>"#,
                    x_of(value) - left,
                    BAR - 1.5,
                    colours[index],
                    escape(&group.name),
                    escape(metrics[index])
                ));
            }
            let end = if value.is_finite() { x_of(value) } else { left };
            // No grid line strikes through a value.
            svg.add(format_args!(
                r##"<rect x="{:.1}" y="{y:.1}" width="36" height="{BAR}" fill="#ffffff"/>"##,
                end + 1.0
            ));
            svg.text([end + 4.0, y + 10.0], 12.0, "", &number(value, 3));
        }
    }
    svg.add(format_args!(r#"<path d="M{left:.1} {top:.1}V{bottom:.1}" stroke="{AXIS}"/>"#));
    let description = format!("{} of {} networks", metrics.join(", "), groups.len());
    svg.finish([WIDTH, bottom + 20.0 + MARGIN], title, &description)
}

/// The overlap of one heatmap with the mask of its expression beside what chance gives.
///
/// Intersections over union, from 0 to 1; not finite where unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct IouRow {
    /// The network; its rows share a panel.
    pub network: String,
    /// One of the six.
    pub expression: Expression,
    /// The heatmap's intersection over union with the Ekman mask.
    pub iou: f64,
    /// Ends of its 95 % interval; none where it was not estimated.
    pub interval: Option<[f64; 2]>,
    /// Of a heatmap that marks the whole face.
    pub all_white: f64,
    /// Of a random heatmap of equal area.
    pub random: f64,
    /// Of the heatmap with the other five masks, on average.
    pub other_masks: f64,
    /// Ends of the 95 % interval of the intersection over union minus the highest of the three chance levels, which move with it; none
    /// where it was not estimated.
    pub above_chance: Option<[f64; 2]>,
    /// Faces or visits in the heatmap.
    pub n: u64,
    /// Whether they are of so few people that it is thin evidence.
    pub is_thin: bool,
}

impl IouRow {
    /// Whether the whole interval of what it is above chance lies above 0. Without an interval, or where a figure is unknown, it is not
    /// known to.
    pub fn is_above_chance(&self) -> bool {
        self.known(self.above_chance).is_some_and(|[low, _]| low > 0.0)
    }

    /// An interval of a heatmap that can be judged.
    fn known(&self, interval: Option<[f64; 2]>) -> Option<[f64; 2]> {
        let is_known =
            |[low, high]: &[f64; 2]| [self.iou, *low, *high].iter().all(|value| value.is_finite());
        interval.filter(is_known)
    }
}

/// What has one vote in a heatmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Votes {
    /// Each explained face.
    Faces,
    /// Each visit, of one or many explained faces.
    Visits,
}

impl Votes {
    const fn names(self) -> [&'static str; 2] {
        match self {
            Self::Faces => ["faces", "Few people or pictures: thin evidence"],
            Self::Visits => ["visits", "Few visits: thin evidence"],
        }
    }
}

/// Colour of the measured.
const MEASURED: &str = PALETTE[0];
/// Half the height of a chance level's mark.
const REACH: f64 = 8.5;
const ROW: f64 = 20.0;
/// Space right of the panels: the value and the number of faces.
const COLUMNS: [f64; 2] = [46.0, 48.0];

/// The marks of the chance levels. They differ in place and colour, so that all three can be read where they coincide.
const ALL_WHITE: Mark = Mark { up: REACH, down: 0.0, colour: INK, dash: "" };
const RANDOM: Mark = Mark { up: 0.0, down: REACH, colour: PALETTE[1], dash: "" };
const OTHER_MASKS: Mark =
    Mark { up: REACH, down: REACH, colour: "#00805c", dash: r#" stroke-dasharray="2.4 1.6""# };

struct Mark {
    up: f64,
    down: f64,
    colour: &'static str,
    dash: &'static str,
}

impl Mark {
    fn draw(&self, svg: &mut Svg, [x, y]: [f64; 2]) {
        if x.is_finite() {
            svg.add(format_args!(
                r#"<path d="M{x:.1} {:.1}V{:.1}" stroke="{}" stroke-width="2"{}/>"#,
                y - self.up,
                y + self.down,
                self.colour,
                self.dash
            ));
        }
    }
}

/// Draws the intersection over union of heatmaps beside its chance levels as an SVG picture: a panel per network in the order of
/// first appearance, in it a row per expression with a dot, the whisker of its 95 % interval, a mark for each chance level, the
/// value and the number of faces, with a dagger where they are few. The dot is filled where [`IouRow::is_above_chance`] holds, else hollow; each panel's heading
/// counts the filled ones among those that can be judged. All panels have one scale, from 0 to the largest value drawn. An expression without a row, or with an
/// intersection over union that is not finite, has a dash.
///
/// Of several rows for one network and expression the first is drawn.
pub fn iou_svg(title: &str, rows: &[IouRow], votes: Votes) -> String {
    draw_panels(title, rows, &networks(rows), scale(rows), votes)
}

/// The same as several pictures of at most `most` panels each, all of one scale: for pages of paper, which a long picture does not fit.
///
/// # Panics
/// If `most` is 0.
pub fn iou_svgs(title: &str, rows: &[IouRow], most: usize) -> Vec<String> {
    let networks = networks(rows);
    let draw = |some: &[&str]| draw_panels(title, rows, some, scale(rows), Votes::Faces);
    networks.chunks(most).map(draw).collect()
}

/// In the order of first appearance.
fn networks(rows: &[IouRow]) -> Vec<&str> {
    let mut networks: Vec<&str> = Vec::new();
    for row in rows {
        if !networks.contains(&row.network.as_str()) {
            networks.push(&row.network);
        }
    }
    networks
}

fn scale(rows: &[IouRow]) -> Ticks {
    let largest = rows
        .iter()
        .flat_map(|row| {
            let high = row.interval.map_or(row.iou, |[_, high]| high);
            [row.iou, high, row.all_white, row.random, row.other_masks]
        })
        .filter(|value| value.is_finite())
        .fold(0.0, f64::max);
    Ticks::up_to(largest.min(1.0), 6)
}

fn draw_panels(
    title: &str,
    rows: &[IouRow],
    networks: &[&str],
    ticks: Ticks,
    votes: Votes,
) -> String {
    let [counted, thin] = votes.names();
    let left = MARGIN + names_width(Expression::SIX.map(Expression::name), 13.0) + 10.0;
    let right = WIDTH - MARGIN - COLUMNS[0] - COLUMNS[1] - 4.0;
    let x_of = |value: f64| left + value.clamp(0.0, ticks.end()) / ticks.end() * (right - left);

    let mut svg = Svg::default();
    let y = svg.title(WIDTH, title);
    let drawn = |row: &IouRow| networks.contains(&row.network.as_str());
    let mut y =
        iou_legend(&mut svg, y, rows.iter().any(|row| row.is_thin && drawn(row)).then_some(thin));
    for &network in networks {
        let of_network = |expression| {
            rows.iter().find(|row| row.network == network && row.expression == expression)
        };
        let six = Expression::SIX.map(of_network);
        y += 26.0;
        svg.name([MARGIN, y], 14.0, r#"font-weight="bold""#, network);
        let faint_end = format!(r#"text-anchor="end" fill="{FAINT}""#);
        svg.text([right, y], 12.0, &faint_end, &count_above(six));
        svg.text([WIDTH - MARGIN - COLUMNS[1], y], 12.0, &faint_end, "IoU");
        svg.text([WIDTH - MARGIN, y], 12.0, &faint_end, counted);
        let top = y + 7.0;
        let bottom = top + 6.0 * ROW;
        draw_grid(&mut svg, &ticks, x_of, [top, bottom]);
        svg.add(format_args!(r#"<path d="M{left:.1} {top:.1}V{bottom:.1}" stroke="{AXIS}"/>"#));
        for (place, (expression, row)) in Expression::SIX.into_iter().zip(six).enumerate() {
            let middle = top + ROW * (place as f64 + 0.5);
            svg.add(format_args!(
                r#"<path d="M{left:.1} {middle:.1}H{right:.1}" stroke="{GRID}"/>"#
            ));
            let name = [left - 8.0, middle + 4.5];
            svg.text(name, 13.0, r#"text-anchor="end""#, expression.name());
            draw_row(&mut svg, row, x_of, middle);
        }
        y = bottom + 16.0;
    }
    y = svg.note(
        y + 24.0,
        "Intersection over union (IoU) of the heatmap's foreground with the Ekman mask of its expression",
    );
    let description = format!(
        "intersection over union of the heatmaps of {} networks beside three chance levels",
        networks.len()
    );
    svg.finish([WIDTH, y], title, &description)
}

/// How many of a panel's heatmaps are above chance, of those it can be said of.
fn count_above(six: [Option<&IouRow>; 6]) -> String {
    let judged = six.iter().flatten().filter(|row| row.known(row.above_chance).is_some()).count();
    let above = six.iter().flatten().filter(|row| row.is_above_chance()).count();
    if judged == 0 {
        "no intervals".to_owned()
    } else {
        format!("{above} of {judged} above chance")
    }
}

fn draw_row(svg: &mut Svg, row: Option<&IouRow>, x_of: impl Fn(f64) -> f64, middle: f64) {
    let end = r#"text-anchor="end""#;
    let iou = row.map_or(f64::NAN, |row| row.iou);
    let columns = [WIDTH - MARGIN - COLUMNS[1], WIDTH - MARGIN].map(|x| [x, middle + 4.5]);
    svg.text(columns[0], 13.0, end, &number(iou, 2));
    let Some(row) = row else {
        svg.text(columns[1], 12.0, end, MISSING);
        return;
    };
    svg.text(columns[1], 12.0, end, &format!("{}{}", row.n, if row.is_thin { "†" } else { "" }));
    for (mark, level) in
        [(OTHER_MASKS, row.other_masks), (ALL_WHITE, row.all_white), (RANDOM, row.random)]
    {
        mark.draw(svg, [x_of(level), middle]);
    }
    if let Some([low, high]) = row.known(row.interval) {
        draw_whisker(svg, [x_of(low), x_of(high)], middle);
    }
    if iou.is_finite() {
        draw_dot(svg, [x_of(iou), middle], row.is_above_chance());
    }
}

fn draw_whisker(svg: &mut Svg, [low, high]: [f64; 2], y: f64) {
    svg.add(format_args!(
        r#"<path d="M{low:.1} {y:.1}H{high:.1}M{low:.1} {0:.1}v6M{high:.1} {0:.1}v6" stroke="{MEASURED}" stroke-width="2"/>"#,
        y - 3.0
    ));
}

fn draw_dot(svg: &mut Svg, [x, y]: [f64; 2], is_filled: bool) {
    let fill = if is_filled { MEASURED } else { "#ffffff" };
    svg.add(format_args!(
        r#"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" fill="{fill}" stroke="{MEASURED}" stroke-width="2"/>"#
    ));
}

fn iou_legend(svg: &mut Svg, y: f64, thin: Option<&str>) -> f64 {
    let mut items = vec![
        "IoU and its 95 % interval; above all three chance levels",
        "IoU and its 95 % interval; not known to be above them",
        "Chance: all-white heatmap",
        "Chance: random heatmap of equal area",
        "Chance: mean of the five other masks",
    ];
    items.extend(thin);
    let items: Vec<String> = items.into_iter().map(str::to_owned).collect();
    svg.legend(y, &items, |svg, item, [x, y]| match item {
        0 | 1 => {
            draw_whisker(svg, [x - 12.0, x + 12.0], y);
            draw_dot(svg, [x, y], item == 0);
        }
        2 => ALL_WHITE.draw(svg, [x, y]),
        3 => RANDOM.draw(svg, [x, y]),
        5 => svg.text([x, y + 4.5], 13.0, r#"text-anchor="middle""#, "†"),
        _ => OTHER_MASKS.draw(svg, [x, y]),
    })
}

/// Lines at the ticks from top to bottom, their values below.
fn draw_grid(svg: &mut Svg, ticks: &Ticks, x_of: impl Fn(f64) -> f64, [top, bottom]: [f64; 2]) {
    for (value, label) in ticks.labels() {
        let x = x_of(value);
        svg.add(format_args!(r#"<path d="M{x:.1} {top:.1}V{bottom:.1}" stroke="{GRID}"/>"#));
        let below = format!(r#"text-anchor="middle" fill="{FAINT}""#);
        svg.text([x, bottom + 14.0], 12.0, &below, &label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::svg_check::{Element, read, texts};

    fn row(network: &str, expression: Expression, low: f64) -> IouRow {
        IouRow {
            network: network.to_owned(),
            expression,
            iou: low + 0.05,
            interval: Some([low, low + 0.1]),
            all_white: 0.2,
            random: 0.12,
            other_masks: 0.25,
            above_chance: Some([low - 0.25, low - 0.15]),
            n: 41,
            is_thin: false,
        }
    }

    /// Whether the dots below the legend are filled.
    fn dots(elements: &[Element]) -> Vec<bool> {
        let dots = elements.iter().filter(|each| each.name == "circle").skip(2);
        dots.map(|dot| dot.get("fill") != Some("#ffffff")).collect()
    }

    #[test]
    fn a_dot_is_filled_only_where_all_of_the_interval_is_above_chance() {
        let anger = |low| row("a", Expression::Anger, low);
        assert!(anger(0.26).is_above_chance());
        assert!(!anger(0.25).is_above_chance(), "at a level is not above it");
        assert!(!anger(0.21).is_above_chance());
        assert!(!IouRow { above_chance: None, ..anger(0.9) }.is_above_chance());
        assert!(!IouRow { iou: f64::NAN, ..anger(0.9) }.is_above_chance());
        assert!(!IouRow { above_chance: Some([0.9, f64::NAN]), ..anger(0.9) }.is_above_chance());

        let rows = [row("a", Expression::Fear, 0.1), row("a", Expression::Anger, 0.3)];
        let elements = read(&iou_svg("overlap", &rows, Votes::Faces));
        assert_eq!(dots(&elements), [true, false], "in the order of the six");
        assert!(texts(&elements).contains(&"1 of 2 above chance"));
    }

    #[test]
    fn panels_stand_in_the_order_of_their_networks_and_miss_nothing_silently() {
        let rows =
            [("b", Expression::Fear), ("a<&", Expression::Sadness), ("b", Expression::Anger)]
                .map(|(network, expression)| row(network, expression, 0.3));
        let elements = read(&iou_svg("overlap", &rows, Votes::Faces));
        let texts = texts(&elements);
        let place = |wanted| texts.iter().position(|&text| text == wanted).unwrap();
        assert!(place("b") < place("a<&"));
        assert_eq!(texts.iter().filter(|&&text| text == "–").count(), 2 * (4 + 5));
        assert_eq!(dots(&elements).len(), 3);
    }

    #[test]
    fn pictures_of_some_panels_each_have_one_scale_and_mark_thin_evidence() {
        let thin = IouRow { is_thin: true, ..row("b", Expression::Fear, 0.1) };
        let rows = [row("a", Expression::Fear, 0.8), thin, row("c", Expression::Fear, 0.1)];
        let pictures: Vec<Vec<Element>> =
            iou_svgs("overlap", &rows, 1).iter().map(|picture| read(picture)).collect();
        assert_eq!(pictures.len(), 3);
        for (picture, (name, is_thin)) in
            pictures.iter().zip([("a", false), ("b", true), ("c", false)])
        {
            let texts = texts(picture);
            assert!(texts.contains(&name) && texts.contains(&"1.0"), "the largest of all is 0.9");
            assert_eq!(texts.contains(&"41†"), is_thin);
            assert_eq!(texts.contains(&"Few people or pictures: thin evidence"), is_thin);
        }
    }

    #[test]
    fn unknown_figures_are_dashes_and_no_marks() {
        let unknown = IouRow {
            iou: f64::NAN,
            interval: Some([f64::NAN, 0.4]),
            above_chance: Some([f64::NAN, 0.1]),
            all_white: f64::INFINITY,
            ..row("a", Expression::Anger, 0.3)
        };
        let elements = read(&iou_svg("", &[unknown], Votes::Visits));
        assert!(dots(&elements).is_empty() && texts(&elements).contains(&"no intervals"));
        read(&iou_svg("no rows at all", &[], Votes::Visits));
        let rows: Vec<IouRow> = (0..60)
            .map(|number| row(&format!("network {number}"), Expression::Surprise, 0.5))
            .collect();
        assert_eq!(dots(&read(&iou_svg("many", &rows, Votes::Faces))).len(), 60);
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let groups = [("one", vec![0.5, 1.0]), ("two & more", vec![f64::NAN, 0.25])]
            .map(|(name, values)| MetricGroup { name: name.to_owned(), values });
        let elements = read(&metrics_svg("metrics", &["accuracy", "F1"], &groups));
        let bars: Vec<f64> = elements
            .iter()
            .filter(|each| each.name == "rect")
            .filter(|each| each.get("height") == Some("11.5"))
            .map(|bar| bar.get("width").unwrap().parse().unwrap())
            .collect();
        assert_eq!(bars.len(), 3, "none for what is not known");
        assert!((bars[0] / bars[1] - 0.5).abs() < 1e-3 && (bars[2] / bars[1] - 0.25).abs() < 1e-3);
        let texts = texts(&elements);
        assert!(
            ["two & more", "0.500", "1.000", "–", "0.250"]
                .iter()
                .all(|&each| texts.contains(&each))
        );
    }

    #[test]
    fn sixty_groups_one_metric_and_none_are_drawn() {
        let group = |number| MetricGroup { name: format!("network {number}"), values: vec![0.9] };
        let sixty: Vec<MetricGroup> = (0..60).map(group).collect();
        let elements = read(&metrics_svg("accuracy", &["accuracy"], &sixty));
        assert!(texts(&elements).contains(&"network 59"));
        read(&metrics_svg("", &[], &[]));
    }
}
