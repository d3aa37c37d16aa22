def held_out_table(path, folder):
    return "", {}
