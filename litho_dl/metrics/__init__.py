"""Layer 2: what is measured on prints, aerial images and masks; arrays in, numbers out."""
