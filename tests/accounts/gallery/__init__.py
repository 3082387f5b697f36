"""A plugin with an organisers' page for each thing that core's templates offer."""
