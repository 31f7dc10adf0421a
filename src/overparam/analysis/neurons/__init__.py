"""Which neurons of a teacher a student has found."""
