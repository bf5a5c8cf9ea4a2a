"""What a GPU can do at most, measured on it: the terms of the roofline that its engines are held against."""
