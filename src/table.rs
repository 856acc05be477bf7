//! Tables of typed columns, row by row, as CSV and Parquet hold them.

use crate::compare::Overlap;
use crate::expression::Expression;

/// What a column holds; any cell may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A number of single precision.
    Single,
    /// A number of double precision.
    Number,
    /// A list of such.
    Numbers,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Of a column of [`Kind::Text`].
    Text(String),
    /// Of a column of [`Kind::Whole`].
    Whole(i64),
    /// Of a column of [`Kind::Single`].
    Single(f32),
    /// Of a column of [`Kind::Number`].
    Number(f64),
    /// Of a column of [`Kind::Numbers`].
    Numbers(Vec<f64>),
}

impl std::fmt::Display for Value {
    /// As a cell of a CSV file: a list as JSON has it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => formatter.write_str(text),
            Self::Whole(number) => write!(formatter, "{number}"),
            Self::Single(number) => write!(formatter, "{number}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Numbers(numbers) => {
                formatter.write_str(&serde_json::to_string(numbers).map_err(|_| std::fmt::Error)?)
            }
        }
    }
}

/// What a cell is made from: its type tells the column's kind.
pub(crate) trait IntoValue {
    const KIND: Kind;
    fn into_value(self) -> Value;
}

macro_rules! into_value {
    ($($from:ty => $kind:ident $convert:expr),* $(,)?) => {$(
        impl IntoValue for $from {
            const KIND: Kind = Kind::$kind;
            fn into_value(self) -> Value {
                Value::$kind($convert(self))
            }
        }
    )*};
}

into_value! {
    String => Text std::convert::identity,
    Expression => Text |expression: Expression| expression.name().to_owned(),
    usize => Whole |number| number as i64,
    u64 => Whole |number| number as i64,
    u32 => Whole i64::from,
    u8 => Whole i64::from,
    f32 => Single std::convert::identity,
    f64 => Number std::convert::identity,
    Vec<f32> => Numbers |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect(),
    Vec<f64> => Numbers std::convert::identity,
}

impl<T: IntoValue> IntoValue for Option<T> {
    const KIND: Kind = T::KIND;
    fn into_value(self) -> Value {
        self.map_or(Value::Empty, T::into_value)
    }
}

/// A column and how its cells come from a row.
pub(crate) struct Field<Row> {
    /// The column.
    pub(crate) column: Column,
    value: Box<dyn Fn(&Row) -> Value>,
}

/// A column of that name whose cells come from `value`.
pub(crate) fn field<Row, T: IntoValue>(
    name: &str,
    value: impl Fn(&Row) -> T + 'static,
) -> Field<Row> {
    Field {
        column: Column { name: name.to_owned(), kind: T::KIND },
        value: Box::new(move |row| value(row).into_value()),
    }
}

/// The columns alone.
pub(crate) fn columns<Row>(fields: Vec<Field<Row>>) -> Vec<Column> {
    fields.into_iter().map(|field| field.column).collect()
}

/// The cells of a row.
pub(crate) fn values<Row>(fields: &[Field<Row>], row: &Row) -> Vec<Value> {
    fields.iter().map(|field| (field.value)(row)).collect()
}

/// Columns that every table of overlaps has.
pub(crate) fn overlap_fields<Row: 'static>(overlap: fn(&Row) -> &Overlap) -> Vec<Field<Row>> {
    vec![
        field("iou_all_white", move |row| overlap(row).iou_all_white),
        field("iou_random", move |row| overlap(row).iou_random),
        field("iou_other_masks", move |row| overlap(row).iou_other_masks),
        field("foreground_area", move |row| overlap(row).foreground_area),
        field("precision", move |row| overlap(row).precision),
        field("recall", move |row| overlap(row).recall),
        field("f1", move |row| overlap(row).f1),
    ]
}
