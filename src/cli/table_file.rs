//! Tables as files: CSV, and Parquet, which keeps the types.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::Failure;
use super::output::{WholeFile, failed};
use crate::table::{Column, Kind, Value};

/// Rows of a Parquet table in memory at once.
const ROWS: usize = 4096;

/// A table that is written row by row.
pub enum TableFile {
    /// Values between commas, lists as JSON.
    Csv(CsvTable),
    /// Apache Parquet.
    Parquet(ParquetTable),
}

impl TableFile {
    /// Begins a CSV table.
    pub fn csv(path: &Path, columns: &[Column]) -> Result<Self, Failure> {
        let file = WholeFile::begin(path)?;
        let mut table = CsvTable { writer: csv::Writer::from_writer(file.writer()), file };
        table.row(columns.iter().map(|column| &column.name))?;
        Ok(Self::Csv(table))
    }

    /// Begins a Parquet table.
    pub fn parquet(path: &Path, columns: &[Column]) -> Result<Self, Failure> {
        let file = WholeFile::begin(path)?;
        let schema = parse_message_type(&schema(columns))
            .and_then(|schema| {
                SerializedFileWriter::new(file.writer(), Arc::new(schema), Default::default())
            })
            .map_err(|error| failed(path, error))?;
        let kinds = columns.iter().map(|column| column.kind).collect();
        Ok(Self::Parquet(ParquetTable { file, writer: schema, kinds, rows: Vec::new() }))
    }

    /// Writes a row.
    pub fn row(&mut self, row: &[Value]) -> Result<(), Failure> {
        match self {
            Self::Csv(table) => table.row(row.iter().map(Value::to_string)),
            Self::Parquet(table) => {
                table.rows.push(row.to_vec());
                match table.rows.len() < ROWS {
                    true => Ok(()),
                    false => table.write_rows(),
                }
            }
        }
    }

    /// Writes what is missing still.
    pub fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Csv(table) => table.finish(),
            Self::Parquet(table) => table.finish(),
        }
    }
}

/// A CSV table.
pub struct CsvTable {
    writer: csv::Writer<Arc<File>>,
    file: WholeFile,
}

impl CsvTable {
    fn row<Field: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = Field>,
    ) -> Result<(), Failure> {
        self.writer.write_record(fields).map_err(|error| failed(self.file.path(), error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|error| failed(self.file.path(), error))?;
        self.file.finish()
    }
}

/// A Parquet table: a group of rows is collected, then written column by column.
pub struct ParquetTable {
    file: WholeFile,
    writer: SerializedFileWriter<Arc<File>>,
    kinds: Vec<Kind>,
    rows: Vec<Vec<Value>>,
}

/// The columns in Parquet's language.
fn schema(columns: &[Column]) -> String {
    let fields = columns.iter().map(|Column { name, kind }| match kind {
        Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
        Kind::Whole => format!("OPTIONAL INT64 {name};"),
        Kind::Single => format!("OPTIONAL FLOAT {name};"),
        Kind::Number => format!("OPTIONAL DOUBLE {name};"),
        Kind::Numbers => format!(
            "OPTIONAL GROUP {name} (LIST) {{ REPEATED GROUP list {{ REQUIRED DOUBLE element; }} }}"
        ),
    });
    format!("message table {{ {} }}", fields.collect::<Vec<_>>().join(" "))
}

impl ParquetTable {
    fn write_rows(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.rows);
        let mut write = || -> Result<(), ParquetError> {
            let mut group = self.writer.next_row_group()?;
            for (place, kind) in self.kinds.iter().enumerate() {
                write_column(&mut group, *kind, rows.iter().map(|row| &row[place]))?;
            }
            group.close().map(|_| ())
        };
        write().map_err(|error| failed(self.file.path(), error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        if !self.rows.is_empty() {
            self.write_rows()?;
        }
        self.writer.close().map_err(|error| failed(self.file.path(), error))?;
        self.file.finish()
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Arc<File>>;

fn write_column<'a>(
    group: &mut Group,
    kind: Kind,
    cells: impl Iterator<Item = &'a Value>,
) -> Result<(), ParquetError> {
    match kind {
        Kind::Text => write_cells::<ByteArrayType>(group, cells, |cell| match cell {
            Value::Text(text) => Some(ByteArray::from(text.as_str())),
            _ => None,
        }),
        Kind::Whole => write_cells::<Int64Type>(group, cells, |cell| match cell {
            Value::Whole(number) => Some(*number),
            _ => None,
        }),
        Kind::Single => write_cells::<FloatType>(group, cells, |cell| match cell {
            Value::Single(number) => Some(*number),
            _ => None,
        }),
        Kind::Number => write_cells::<DoubleType>(group, cells, |cell| match cell {
            Value::Number(number) => Some(*number),
            _ => None,
        }),
        Kind::Numbers => write_lists(group, cells),
    }
}

/// A column of single values; its levels say which are there.
fn write_cells<'a, T: DataType>(
    group: &mut Group,
    cells: impl Iterator<Item = &'a Value>,
    value: impl Fn(&Value) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = cells.map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    write_levels::<T>(group, &values, &levels, None)
}

/// A column of lists. Definition levels: 0 no list, 1 an empty one, 2 an element; repetition levels: 1 for all but the first of a list.
fn write_lists<'a>(
    group: &mut Group,
    cells: impl Iterator<Item = &'a Value>,
) -> Result<(), ParquetError> {
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let list: Option<&[f64]> = match cell {
            Value::Numbers(list) => Some(list),
            _ => None,
        };
        match list {
            None | Some([]) => {
                definition.push(i16::from(list.is_some()));
                repetition.push(0);
            }
            Some(list) => {
                definition.extend(list.iter().map(|_| 2));
                repetition.extend((0..list.len()).map(|place| i16::from(place > 0)));
                values.extend(list);
            }
        }
    }
    write_levels::<DoubleType>(group, &values, &definition, Some(&repetition))
}

fn write_levels<T: DataType>(
    group: &mut Group,
    values: &[T::T],
    definition: &[i16],
    repetition: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column =
        group.next_column()?.expect("the schema has as many columns as a row has values");
    column.typed::<T>().write_batch(values, Some(definition), repetition)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    #[test]
    fn more_rows_than_a_group_and_empty_cells_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = [column("number", Kind::Whole), column("list", Kind::Numbers)];
        let mut table = TableFile::parquet(&path, &columns).unwrap();
        let row = |number: usize| match number % 4 {
            0 => [Value::Empty, Value::Empty],
            size => [Value::Whole(number as i64), Value::Numbers(vec![0.5; size - 1])],
        };
        let rows = 2 * ROWS + 5;
        for number in 0..rows {
            table.row(&row(number)).unwrap();
        }
        assert!(!path.exists(), "it has its name once it is whole");
        table.finish().unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 3);
        let mut found = 0;
        for (number, read) in reader.get_row_iter(None).unwrap().enumerate() {
            let read = read.unwrap();
            let cells: Vec<Value> = read
                .get_column_iter()
                .map(|(_, field)| match field {
                    Field::Null => Value::Empty,
                    Field::Long(number) => Value::Whole(*number),
                    Field::ListInternal(list) => Value::Numbers(vec![
                        0.5;
                        list.elements()
                            .iter()
                            .filter(|each| **each == Field::Double(0.5))
                            .count()
                    ]),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(cells, row(number), "row {number}");
            found += 1;
        }
        assert_eq!(found, rows);
    }
}
