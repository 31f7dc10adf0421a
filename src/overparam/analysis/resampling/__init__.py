"""Small networks drawn from the neurons of a wide one."""
