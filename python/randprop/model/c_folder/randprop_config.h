/* What the runtime is compiled for: the model of ${p}model.h alone. Written by randprop. */
#ifndef ${P}RANDPROP_CONFIG_H
#define ${P}RANDPROP_CONFIG_H

#define ${P}RP_FIXED_ID $id
$defines

#endif
